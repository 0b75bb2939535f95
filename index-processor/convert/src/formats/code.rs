//! Source code, as it is.

use crate::context::Context;
use crate::format::Format;
use crate::{ConvertError, Converted, Converter, DocumentKind, Input, Language, charset};

pub(crate) const CONVERTER: Converter = Converter {
    name: "code",
    version: 1,
    run,
};

fn run(input: &Input<'_>, format: Format, _: &Context<'_>) -> Result<Converted, ConvertError> {
    let language = match format {
        Format::Code(language) => language,
        _ => Language::Other,
    };
    let decoded = charset::decode(input, |_| None)?;
    Ok(Converted {
        markdown: decoded.text,
        kind: DocumentKind::Code(language),
        mime: mime(language),
        title: None,
        warnings: decoded.warnings,
        parts: Vec::new(),
    })
}

fn mime(language: Language) -> &'static str {
    match language {
        Language::Rust => "text/x-rust",
        Language::Python => "text/x-python",
        Language::JavaScript => "text/javascript",
        Language::TypeScript | Language::Tsx => "text/x-typescript",
        Language::Go => "text/x-go",
        Language::Java => "text/x-java",
        Language::C => "text/x-c",
        Language::Cpp => "text/x-c++",
        Language::CSharp => "text/x-csharp",
        Language::Ruby => "text/x-ruby",
        Language::Bash => "text/x-shellscript",
        Language::Php => "text/x-php",
        Language::Other => "text/plain",
    }
}
