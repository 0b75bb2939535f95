//! What a file's name says of its format.

use crate::document::Language;
use crate::format::Format;

/// What a name promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// A format with a converter.
    Known(Format),
    /// A format that is written in text but is not indexed as text: its name, and what to do, for people.
    Refused(&'static str, &'static str),
}

/// What the name promises; `None` when it says nothing.
pub(super) fn by_name(name: &str) -> Option<Named> {
    let file = file_name(name).to_ascii_lowercase();
    if let Some(format) = by_whole_name(&file) {
        return Some(Named::Known(format));
    }
    by_extension(extension(&file)?)
}

/// The last segment of a path, whichever system it is from.
fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// What follows the last dot of a name.
pub(super) fn extension(name: &str) -> Option<&str> {
    let (stem, extension) = file_name(name).rsplit_once('.')?;
    (!stem.is_empty() && !extension.is_empty()).then_some(extension)
}

fn by_whole_name(file: &str) -> Option<Format> {
    Some(match file {
        "dockerfile" | "containerfile" | "makefile" | "gnumakefile" | "justfile" | "jenkinsfile"
        | "cmakelists.txt" | "build" | "workspace" | "vagrantfile.local" => Format::Code(Language::Other),
        "rakefile" | "gemfile" | "vagrantfile" | "podfile" | "brewfile" => Format::Code(Language::Ruby),
        "pkgbuild" | ".bashrc" | ".bash_profile" | ".profile" | ".zshrc" => Format::Code(Language::Bash),
        "readme" | "license" | "licence" | "copying" | "authors" | "changelog" | "changes" | "news"
        | "notice" | "todo" | "install" => TEXT,
        _ => return None,
    })
}

/// Text of no further type.
pub(super) const TEXT: Format = Format::Text("text/plain");

fn by_extension(extension: &str) -> Option<Named> {
    use Language::{
        Bash, C, CSharp, Cpp, Go, Java, JavaScript, Other, Php, Python, Ruby, Rust, Tsx, TypeScript,
    };
    let format = match extension {
        "pdf" => Format::Pdf,
        "docx" | "docm" | "dotx" | "dotm" => Format::Docx,
        "pptx" | "pptm" | "ppsx" | "ppsm" | "potx" | "potm" => Format::Pptx,
        "xlsx" | "xlsm" | "xltx" | "xltm" => Format::Xlsx,
        "doc" | "dot" => Format::Doc,
        "ppt" | "pps" => Format::Ppt,
        "xls" | "xlt" => Format::Xls,
        "odt" | "ott" | "fodt" => Format::Odt,
        "odp" | "otp" | "fodp" => Format::Odp,
        "ods" | "ots" | "fods" => Format::Ods,
        "rtf" => Format::Rtf,
        "epub" => Format::Epub,
        "eml" | "mht" | "mhtml" => Format::Eml,
        "msg" => Format::Msg,
        "ipynb" => Format::Notebook,
        "zip" => Format::Zip,
        "html" | "htm" | "xhtml" | "xht" | "shtml" => Format::Html,
        "md" | "markdown" | "mdown" | "mkd" | "mkdn" | "mdx" | "qmd" | "rmd" => Format::Markdown,
        "json" | "geojson" | "jsonld" | "webmanifest" | "har" | "topojson" => Format::Json,
        "ndjson" | "jsonl" | "jsonlines" => Format::JsonLines,
        "csv" | "tsv" | "tab" | "psv" => Format::Csv,

        "rs" => Format::Code(Rust),
        "py" | "pyi" | "pyw" => Format::Code(Python),
        "js" | "mjs" | "cjs" | "jsx" => Format::Code(JavaScript),
        "ts" | "mts" | "cts" => Format::Code(TypeScript),
        "tsx" => Format::Code(Tsx),
        "go" => Format::Code(Go),
        "java" => Format::Code(Java),
        "c" | "h" => Format::Code(C),
        "cc" | "cpp" | "cxx" | "c++" | "hh" | "hpp" | "hxx" | "h++" | "ipp" | "inl" => Format::Code(Cpp),
        "cs" | "csx" => Format::Code(CSharp),
        "rb" | "rake" | "gemspec" => Format::Code(Ruby),
        "sh" | "bash" | "zsh" | "ksh" => Format::Code(Bash),
        "php" | "phtml" => Format::Code(Php),
        "kt" | "kts" | "swift" | "scala" | "sc" | "groovy" | "gradle" | "dart" | "lua" | "pl" | "pm"
        | "r" | "jl" | "m" | "mm" | "hs" | "lhs" | "ml" | "mli" | "fs" | "fsx" | "fsi" | "elm" | "ex"
        | "exs" | "erl" | "hrl" | "clj" | "cljs" | "cljc" | "lisp" | "el" | "scm" | "rkt" | "nim" | "zig"
        | "v" | "vhd" | "vhdl" | "sv" | "d" | "pas" | "f" | "f90" | "f95" | "f03" | "for" | "cob" | "cbl"
        | "asm" | "s" | "vb" | "vbs" | "bas" | "ps1" | "psm1" | "psd1" | "bat" | "cmd" | "fish" | "awk"
        | "sed" | "tcl" | "sql" | "psql" | "ddl" | "proto" | "thrift" | "graphql" | "gql" | "tf"
        | "tfvars" | "hcl" | "nix" | "cmake" | "mk" | "bzl" | "css" | "scss" | "sass" | "less" | "vue"
        | "svelte" | "astro" | "sol" | "wgsl" | "glsl" | "cu" | "cuh" | "twig" | "erb" | "ejs" | "hbs"
        | "mustache" | "j2" | "jinja" | "tmpl" | "coffee" | "cr" | "apex" => Format::Code(Other),

        "txt" | "text" | "log" | "out" | "err" | "diff" | "patch" | "asc" | "nfo" | "srt" | "vtt" | "po"
        | "pot" | "bib" | "man" | "mbox" | "ics" | "vcf" => TEXT,
        "jsonc" | "json5" | "hjson" => Format::Text("application/json5"),
        "yaml" | "yml" => Format::Text("application/yaml"),
        "toml" => Format::Text("application/toml"),
        "xml" | "xsd" | "xsl" | "xslt" | "rss" | "atom" | "dita" | "ditamap" | "dbk" | "docbook" | "wsdl"
        | "plist" | "xlf" | "xliff" | "rdf" | "owl" | "kml" | "gpx" | "csproj" | "vbproj" | "props"
        | "targets" | "pom" | "resx" | "xaml" | "nuspec" | "config" => Format::Xml,
        "ini" | "cfg" | "conf" | "cnf" | "properties" | "env" | "editorconfig" | "desktop" | "service"
        | "reg" | "inf" | "url" => TEXT,
        "tex" | "latex" | "ltx" | "sty" | "cls" => Format::Text("application/x-tex"),
        "rst" | "rest" => Format::Text("text/x-rst"),
        "adoc" | "asciidoc" => Format::Text("text/asciidoc"),
        "org" => Format::Text("text/org"),
        "textile" | "wiki" | "mediawiki" | "creole" | "pod" | "rdoc" | "typ" => TEXT,
        "ttl" | "nt" | "nq" | "trig" => Format::Text("text/turtle"),

        "svg" => return Some(Named::Refused("SVG image", "save it as PNG or PDF")),
        "ps" | "eps" => return Some(Named::Refused("PostScript", "convert it to PDF")),
        "pem" | "crt" | "key" | "p12" | "gpg" => {
            return Some(Named::Refused(
                "key or certificate",
                "it may hold secrets; rename it if it is a text for reading",
            ));
        }
        _ => return None,
    };
    Some(Named::Known(format))
}

/// What a media type promises.
pub(super) fn by_content_type(content_type: &str) -> Option<Format> {
    let essence = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    Some(match essence.as_str() {
        "text/html" | "application/xhtml+xml" => Format::Html,
        "text/markdown" | "text/x-markdown" => Format::Markdown,
        "application/json" | "application/ld+json" | "application/geo+json" => Format::Json,
        "application/x-ndjson" | "application/jsonl" | "application/jsonlines" => Format::JsonLines,
        "message/rfc822" => Format::Eml,
        "application/x-ipynb+json" => Format::Notebook,
        "text/csv" | "text/tab-separated-values" => Format::Csv,
        "application/xml" | "text/xml" => Format::Xml,
        "application/yaml" | "application/x-yaml" | "text/yaml" => Format::Text("application/yaml"),
        _ => return None,
    })
}

/// What a first line such as `#!/usr/bin/env python3` promises.
pub(super) fn by_shebang(bytes: &[u8]) -> Option<Format> {
    let line = bytes.strip_prefix(b"#!")?;
    let line = line[..line.len().min(200)].split(|byte| *byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?;
    // `/usr/bin/env -S VAR=1 python3 -u` names its program after flags and assignments.
    let mut words = line.split_whitespace();
    let mut program = file_name(words.next()?);
    if program == "env" {
        program = file_name(words.find(|word| !word.starts_with('-') && !word.contains('='))?);
    }
    let language = match program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.') {
        "python" | "pypy" => Language::Python,
        "sh" | "bash" | "zsh" | "ksh" | "dash" => Language::Bash,
        "node" | "nodejs" | "deno" | "bun" => Language::JavaScript,
        "ruby" => Language::Ruby,
        "php" => Language::Php,
        _ => Language::Other,
    };
    Some(Format::Code(language))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let known = |name| match by_name(name) {
            Some(Named::Known(format)) => Some(format),
            Some(Named::Refused(..)) | None => None,
        };
        assert_eq!(known("a/b/Guide.HTML"), Some(Format::Html));
        assert_eq!(known(r"C:\docs\notes.md"), Some(Format::Markdown));
        assert_eq!(known("src/lib.rs"), Some(Format::Code(Language::Rust)));
        assert_eq!(known("Makefile"), Some(Format::Code(Language::Other)));
        assert_eq!(known("CMakeLists.txt"), Some(Format::Code(Language::Other)));
        assert_eq!(known("archive.tar"), None);
        assert_eq!(known("html/x"), None);
        assert_eq!(known(".html"), None);
        assert_eq!(
            by_name("a.ps"),
            Some(Named::Refused("PostScript", "convert it to PDF"))
        );
    }

    #[test]
    fn shebangs() {
        let language = |line: &str| by_shebang(line.as_bytes());
        assert_eq!(
            language("#!/usr/bin/env -S A=1 python3.12 -u\n"),
            Some(Format::Code(Language::Python))
        );
        assert_eq!(language("#!/bin/sh\necho"), Some(Format::Code(Language::Bash)));
        assert_eq!(
            language("#! /usr/bin/perl -w"),
            Some(Format::Code(Language::Other))
        );
        assert_eq!(language("#!"), None);
        assert_eq!(language("#!/usr/bin/env"), None);
        assert_eq!(language("# heading"), None);
    }
}
