//! Reading the images of a dataset, for models that answer them with their labels.

use std::fmt::Display;

use aws_identifiers::Region;
use lookoutvision::{
    api::values::InputS3Object,
    dataset_images::{DatasetImage, DatasetImages},
    manifest::{Entries, Entry, object_of_uri},
};
use tracing::info;

use crate::{
    s3::{self, ReadLimit},
    settings::{LimitsReached, Settings},
};

/// Where images are read from, and under which limits
#[derive(Debug, Clone, Copy)]
pub(super) struct ImageReader<'r> {
    pub(super) settings: &'r Settings,
    pub(super) limits_reached: &'r LimitsReached,
    pub(super) region: &'r Region,
}

impl ImageReader<'_> {
    /// The labelled images of these lines, those included that are known already
    ///
    /// They are read one after the other; the caller is one of the tasks that `limits.s3_tasks_max` counts.
    ///
    /// # Errors
    /// With the first object that cannot be read or is not such an image, in a sentence for a status message.
    pub(super) async fn read(
        self,
        lists: &[&Entries],
        known: &DatasetImages,
    ) -> Result<DatasetImages, String> {
        let bytes_max = self.settings.limits.datasets_bytes_max;
        let mut images = known.clone();
        for entries in lists {
            for entry in entries.iter() {
                if entry.class.is_none() || images.of(entry).is_some() {
                    continue;
                }
                let image = self.read_image(entry).await?;
                images.insert(entry, image);
                if images.bytes() > bytes_max {
                    return Err(format!(
                        "What is read of the images has more than {bytes_max} bytes (limits.datasets_bytes_max)"
                    ));
                }
            }
        }
        Ok(images)
    }

    async fn read_image(self, entry: &Entry) -> Result<DatasetImage, String> {
        let image = self.read_object(&entry.source_ref).await?;
        let mask = match &entry.mask {
            Some(mask) => Some(self.read_object(&mask.source_ref).await?),
            None => None,
        };
        let line = entry.clone();
        // Decoding a large mask takes a while.
        let read = tokio::task::spawn_blocking(move || DatasetImage::read(&line, &image, mask.as_deref()));
        let read = read.await.map_err(|error| error.to_string())?;
        read.map_err(|error| not_used(&entry.source_ref, &error))
    }

    async fn read_object(self, uri: &str) -> Result<Vec<u8>, String> {
        let (bucket, key) =
            object_of_uri(uri).ok_or_else(|| not_used(uri, &"it is not `s3://BUCKET/KEY`"))?;
        let object = InputS3Object {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            version_id: None,
        };
        let Settings { s3, limits, .. } = self.settings;
        let limit = ReadLimit {
            name: "dataset_image_bytes_max",
            bytes_max: limits.dataset_image_bytes_max,
        };
        let read = s3::read(s3, self.region, &object, limit, limits.s3_timeout);
        read.await.map_err(|error| {
            self.limits_reached.note(error.limit());
            not_used(uri, &error)
        })
    }
}

// Guess: the text, and that one bad image fails the whole dataset. AWS reads images when it trains.
fn not_used(uri: &str, reason: &dyn Display) -> String {
    info!("the image {uri} was not taken: {reason}");
    format!("The image {uri} could not be used: {reason}")
}
