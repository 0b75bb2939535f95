//! What every backend refuses, in the same words.

use super::{Point, Query, SparseVector, VectorsError};

/// Checks points that are about to be written to a collection with dense vectors of `dense_size` dimensions.
pub(super) fn points(points: &[Point], dense_size: Option<usize>) -> Result<(), VectorsError> {
    for point in points {
        match &point.dense {
            Some(vector) => dense(vector, dense_size)?,
            None if dense_size.is_some() => {
                return Err(refused(format!("point {} has no dense vector", point.id)));
            }
            None => {}
        }
        sparse(&point.bm25)?;
    }
    Ok(())
}

/// Checks a query.
pub(super) fn query(query: &Query, dense_size: Option<usize>) -> Result<(), VectorsError> {
    match query {
        Query::Vector(vector) => dense(vector, dense_size),
        Query::FullText(terms) => sparse(terms),
        Query::Hybrid(vector, terms) => dense(vector, dense_size).and_then(|()| sparse(terms)),
    }
}

fn dense(vector: &[f32], size: Option<usize>) -> Result<(), VectorsError> {
    let Some(size) = size else {
        return Err(refused("the collection has no dense vectors".to_owned()));
    };
    if vector.len() != size {
        return Err(refused(format!(
            "a dense vector has {} dimensions, the collection {size}",
            vector.len()
        )));
    }
    if !vector.iter().all(|value| value.is_finite()) {
        return Err(refused(
            "a dense vector has a value that is not a finite number".to_owned(),
        ));
    }
    Ok(())
}

fn sparse(vector: &SparseVector) -> Result<(), VectorsError> {
    if vector.indices.len() != vector.values.len() {
        return Err(refused("a sparse vector must have one value an index".to_owned()));
    }
    if !vector.indices.is_sorted_by(|a, b| a < b) {
        return Err(refused(
            "the indices of a sparse vector must ascend without repetition".to_owned(),
        ));
    }
    if !vector.values.iter().all(|value| value.is_finite()) {
        return Err(refused(
            "a sparse vector has a value that is not a finite number".to_owned(),
        ));
    }
    Ok(())
}

fn refused(reason: String) -> VectorsError {
    VectorsError::Refused(reason)
}
