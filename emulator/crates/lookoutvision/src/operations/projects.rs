//! Projects.

use super::{over_limit, project, scope};
use crate::{
    api::{
        EpochSeconds,
        requests::{CreateProjectRequest, DeleteProjectRequest, DescribeProjectRequest, ListProjectsRequest},
        responses::{
            CreateProjectResponse, DeleteProjectResponse, DescribeProjectResponse, ListProjectsResponse,
            ProjectDescription, ProjectMetadata,
        },
    },
    error::{ResourceType, ServiceError},
    model::project_arn,
    operations::datasets,
    pagination::{Page, key_by_time, page},
    store::{Change, View, project::Project},
};

/// `CreateProject`
pub fn create(
    change: &mut Change<'_>,
    input: &CreateProjectRequest,
) -> Result<CreateProjectResponse, ServiceError> {
    let name = &input.project_name;
    if change.project(name).is_some() {
        return Err(ServiceError::conflict(
            format!("The project {name} already exists."),
            name,
            ResourceType::Project,
        ));
    }
    let projects_max = change.view.limits().projects_max;
    if change.projects_everywhere >= projects_max {
        return Err(over_limit(
            "limits.projects_max",
            projects_max,
            name,
            ResourceType::Project,
        ));
    }
    let project = Project::new(name, change.view.now);
    let project_metadata = metadata(&change.view, &project);
    change.put(project);
    Ok(CreateProjectResponse { project_metadata })
}

/// `DescribeProject`
pub fn describe(
    view: &View<'_>,
    input: &DescribeProjectRequest,
) -> Result<DescribeProjectResponse, ServiceError> {
    let project = project(view.project(&input.project_name), &input.project_name)?;
    Ok(DescribeProjectResponse {
        project_description: ProjectDescription {
            project_arn: project_arn(view.account_id(), view.region, &project.name),
            project_name: project.name.to_string(),
            creation_timestamp: EpochSeconds(project.created),
            datasets: project
                .datasets(view.now)
                .map(|(dataset_type, dataset)| datasets::metadata(dataset_type, dataset, view.now))
                .collect(),
        },
    })
}

/// `ListProjects`
pub fn list(view: &View<'_>, input: &ListProjectsRequest) -> Result<ListProjectsResponse, ServiceError> {
    // Guess: the order is that of creation.
    let projects = view.projects();
    let items = projects.iter().map(|project| {
        (
            key_by_time(project.created, &project.name),
            metadata(view, project),
        )
    });
    let scope = scope("ListProjects", view, &[]);
    let Page { items, next_token } = page(&scope, input.next_token.as_deref(), input.max_results, items)?;
    Ok(ListProjectsResponse {
        projects: items,
        next_token,
    })
}

/// `DeleteProject`
pub fn delete(
    change: &mut Change<'_>,
    input: &DeleteProjectRequest,
) -> Result<DeleteProjectResponse, ServiceError> {
    let (name, now) = (&input.project_name, change.view.now);
    let project = project(change.project(name), name)?;
    let left = match (project.models_at(now).count(), project.datasets(now).count()) {
        (0, 0) => None,
        (0, _) => Some("datasets"),
        (_, 0) => Some("models"),
        _ => Some("models and datasets"),
    };
    if let Some(left) = left {
        return Err(ServiceError::conflict(
            format!("The project {name} still has {left}. Delete them first."),
            name,
            ResourceType::Project,
        ));
    }
    let project_arn = project_arn(change.view.account_id(), change.view.region, name);
    change.remove(name);
    Ok(DeleteProjectResponse { project_arn })
}

fn metadata(view: &View<'_>, project: &Project) -> ProjectMetadata {
    ProjectMetadata {
        project_arn: project_arn(view.account_id(), view.region, &project.name),
        project_name: project.name.to_string(),
        creation_timestamp: EpochSeconds(project.created),
    }
}
