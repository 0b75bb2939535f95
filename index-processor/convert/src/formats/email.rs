//! Mail.

use crate::context::Context;
use crate::format::Format;
use crate::{ConvertError, Converted, Converter, Input};

pub(crate) const CONVERTER: Converter = Converter {
    name: "email",
    version: 1,
    run,
};

fn run(_: &Input<'_>, _: Format, _: &Context<'_>) -> Result<Converted, ConvertError> {
    Err(ConvertError::unsupported("unsupported_type", "Mail: not yet"))
}
