// The image of a request and the mask of its answer, where the journal keeps them (`limits.journal_body_bytes_max`).
//
// They are drawn on canvases: a picture made of a `data:` or `blob:` address is one that the page's policy refuses.

import { bytes, el } from './base.js';

const MASK_SHARE = 0.6;

const decoded = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

async function bitmap(base64, type) {
  return createImageBitmap(new Blob([decoded(base64)], { type }));
}

/** The result of DetectAnomalies, where the answer is kept */
function resultOf(entry) {
  if (entry.operation !== 'DetectAnomalies' || !entry.response?.kept) return null;
  try {
    return JSON.parse(new TextDecoder().decode(decoded(entry.response.kept))).DetectAnomalyResult ?? null;
  } catch {
    return null;
  }
}

/** The mask without its white background, which stands for what is normal */
function transparent(mask) {
  const canvas = new OffscreenCanvas(mask.width, mask.height);
  const pen = canvas.getContext('2d');
  pen.drawImage(mask, 0, 0);
  const pixels = pen.getImageData(0, 0, mask.width, mask.height);
  for (let at = 0; at < pixels.data.length; at += 4) {
    const isWhite = pixels.data[at] > 250 && pixels.data[at + 1] > 250 && pixels.data[at + 2] > 250;
    pixels.data[at + 3] = isWhite ? 0 : Math.round(255 * MASK_SHARE);
  }
  pen.putImageData(pixels, 0, 0);
  return canvas;
}

function legend(anomalies) {
  return el('ul.legend', { role: 'list' }, anomalies.filter(({ Name: name }) => name !== 'background').map(({ Name: name, PixelAnomaly: pixels }) => {
    const swatch = el('span.swatch', { 'aria-hidden': 'true' });
    if (pixels?.Color) swatch.style.backgroundColor = pixels.Color;
    return el('li', null, swatch, el('b', null, name), pixels && el('span.q', null, ` ${pixels.Color}, ${(pixels.TotalPercentageArea * 100).toPrecision(2)} %`));
  }));
}

/** The picture of a request with what its answer says of it; null where nothing is kept */
export function pictures(entry) {
  const result = resultOf(entry);
  const isWhole = entry.body?.kept && decoded(entry.body.kept).length === entry.body.bytes;
  const image = isWhole && /^image\//.test(entry.body.content_type ?? '') ? entry.body : null;
  if (!result && !image) return null;
  const place = el('div.picture');
  const says = result && el('p.pad', null, el('b', null, result.IsAnomalous ? 'anomalous' : 'normal'), ` with confidence ${result.Confidence}`);
  const mask = result?.AnomalyMask;
  const label = mask ? (image ? 'The image with the mask of the answer over it' : 'The mask of the answer; the image is not kept') : 'The image';
  draw(place, image, mask, label).catch((error) => place.replaceChildren(el('p.q', null, `The picture could not be drawn: ${error.message}`)));
  const hint = mask && !image && el('p.pad.q', null, entry.body?.kept ? `Only the first ${bytes(decoded(entry.body.kept).length)} of the image are kept.` : 'The mask alone: a larger limits.journal_body_bytes_max keeps the image, too.');
  // Of a call that was not answered with a result, the image matters least.
  if (!result) return el('details.more', null, el('summary', null, 'Image'), place);
  return el('section', null, el('h3', null, mask ? 'Image and mask' : 'Image'), says, (image || mask) && place, mask && legend(result.Anomalies ?? []), hint);
}

async function draw(place, image, mask, label) {
  const [picture, over] = await Promise.all([image && bitmap(image.kept, image.content_type), mask && bitmap(mask, 'image/png')]);
  const size = picture ?? over;
  if (!size) return;
  const canvas = el('canvas', { width: size.width, height: size.height, role: 'img', 'aria-label': label });
  const pen = canvas.getContext('2d');
  if (picture) pen.drawImage(picture, 0, 0);
  if (over) pen.drawImage(picture ? transparent(over) : over, 0, 0, size.width, size.height);
  if (!(picture && over)) { place.replaceChildren(canvas); return; }
  const box = el('input', { type: 'checkbox', checked: true });
  box.addEventListener('change', () => {
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(picture, 0, 0);
    if (box.checked) pen.drawImage(transparent(over), 0, 0, canvas.width, canvas.height);
  });
  place.replaceChildren(canvas, el('label.row', null, box, 'Mask over the image'));
}
