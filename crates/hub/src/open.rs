//! Opening a system's connector.

use std::collections::BTreeMap;

use connector::{NeededColumn, OpenContext, Ports, Split, StreamContext};

use crate::context::Context;
use crate::fault::HubError;
use crate::settings::System;

/// Opens the connector of a system, telling it what the mappings know about each stream.
pub(crate) async fn ports(context: &Context, system: &System) -> Result<Ports, HubError> {
    let streams: BTreeMap<String, StreamContext> =
        system.streams.iter().map(|(name, stream)| (name.to_string(), stream_context(&stream.mapping))).collect();
    let open = OpenContext { system: system.name.to_string(), directory: context.settings.directory.clone(), streams };
    let configured = context.settings.registry.configure(&system.kind, system.connector.clone())?;
    Ok(configured.open(&open).await?)
}

/// What a mapping knows about its stream, as connectors take it.
pub fn stream_context(mapping: &mapping::Mapping) -> StreamContext {
    let needs = mapping.stream_needs();
    let columns = needs.columns.iter().map(|needed| NeededColumn {
        field: needed.field.to_string(),
        any_of: needed.any_of.iter().map(ToString::to_string).collect(),
    });
    StreamContext {
        group_by: needs.group_by.clone(),
        record_paths: needs.record_paths.clone(),
        namespaces: needs.namespaces.clone(),
        context: needs.context.clone(),
        split: needs.split.as_ref().map(|split| Split { at: split.at.clone(), with: split.with.clone() }),
        columns: columns.collect(),
        clearing: needs.clearing.clone(),
    }
}
