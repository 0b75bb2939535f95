//! Where traces go.

use clap::Args;
use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::KeyValue;
use percent_encoding::percent_decode_str;
use reqwest::Url;

use crate::secret::Secret;

/// Where to send traces. The variables are those of the OpenTelemetry specification.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Traces (OpenTelemetry)")]
pub struct TracingArgs {
    /// Send traces to this collector by OTLP over HTTP, for example http://localhost:4318; v1/traces is added to it. Without one,
    /// tracing is off.
    #[arg(
        long,
        env = "OTEL_EXPORTER_OTLP_ENDPOINT",
        value_name = "URL",
        default_value = ""
    )]
    pub otlp_endpoint: String,

    /// Send traces to exactly this address instead.
    #[arg(
        long,
        env = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        value_name = "URL",
        default_value = ""
    )]
    pub otlp_traces_endpoint: String,

    /// Headers for the collector, as "name=value,name=value". Give keys as the environment variable: a command line can be
    /// read by others.
    #[arg(
        long,
        env = "OTEL_EXPORTER_OTLP_HEADERS",
        value_name = "HEADERS",
        hide_env_values = true,
        default_value = ""
    )]
    pub otlp_headers: Secret,

    /// Share of the traces that are recorded, 0 to 1; those that a sender of events recorded are recorded in any case.
    #[arg(
        long,
        env = "OTEL_TRACES_SAMPLER_ARG",
        value_name = "SHARE",
        default_value = "1"
    )]
    pub trace_share: String,

    /// What this service is called in traces [default: the name of the program].
    #[arg(long, env = "OTEL_SERVICE_NAME", value_name = "NAME", default_value = "")]
    pub trace_service_name: String,

    /// What else is said of this process in traces, as "name=value,name=value", for example
    /// "deployment.environment.name=production".
    #[arg(
        long,
        env = "OTEL_RESOURCE_ATTRIBUTES",
        value_name = "ATTRIBUTES",
        default_value = ""
    )]
    pub trace_attributes: String,
}

impl TracingArgs {
    /// Can all of this be right?
    ///
    /// # Errors
    /// When something cannot; the text says which setting.
    pub fn check(&self) -> Result<(), String> {
        self.url()?;
        self.headers()?;
        self.share()?;
        self.resource().map(drop)
    }

    /// Where traces are posted; none when tracing is off.
    pub(crate) fn url(&self) -> Result<Option<Url>, String> {
        let (setting, address) = if self.otlp_traces_endpoint.is_empty() {
            if self.otlp_endpoint.is_empty() {
                return Ok(None);
            }
            let base = self.otlp_endpoint.trim_end_matches('/');
            ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("{base}/v1/traces"))
        } else {
            (
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
                self.otlp_traces_endpoint.clone(),
            )
        };
        let wrong = |why: &str| format!("{setting}: {why}, for example http://localhost:4318");
        let url: Url = address.parse().map_err(|_| wrong("a URL is expected"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong("traces go by http or https"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong(
                "give no password in it but a header in OTEL_EXPORTER_OTLP_HEADERS",
            ));
        }
        Ok(Some(url))
    }

    /// Headers of every request. Errors do not show them.
    pub(crate) fn headers(&self) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        for (name, value) in
            pairs(self.otlp_headers.expose()).ok_or_else(|| wrong_pairs("OTEL_EXPORTER_OTLP_HEADERS"))?
        {
            let header = HeaderName::try_from(name)
                .ok()
                .zip(HeaderValue::try_from(value).ok());
            let (name, mut value) = header.ok_or_else(|| wrong_pairs("OTEL_EXPORTER_OTLP_HEADERS"))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        Ok(headers)
    }

    /// Share of the traces.
    pub(crate) fn share(&self) -> Result<f64, String> {
        let share = match self.trace_share.trim() {
            // As the specification says of empty variables.
            "" => Some(1.0),
            text => text.parse().ok(),
        };
        share
            .filter(|share| (0.0..=1.0).contains(share))
            .ok_or_else(|| "OTEL_TRACES_SAMPLER_ARG: a share from 0 to 1 is expected".to_owned())
    }

    /// What is said of the process. The service's own name goes last, so that it wins.
    pub(crate) fn resource(&self) -> Result<Vec<KeyValue>, String> {
        let mut attributes: Vec<KeyValue> = pairs(&self.trace_attributes)
            .ok_or_else(|| wrong_pairs("OTEL_RESOURCE_ATTRIBUTES"))?
            .into_iter()
            .map(|(name, value)| KeyValue::new(name, value))
            .collect();
        if !self.trace_service_name.is_empty() {
            attributes.push(KeyValue::new("service.name", self.trace_service_name.clone()));
        }
        Ok(attributes)
    }
}

fn wrong_pairs(setting: &str) -> String {
    format!("{setting}: \"name=value,name=value\" is expected, with other characters percent-encoded")
}

/// `a=b,c=d`, the values percent-decoded.
fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    text.split(',')
        .map(str::trim)
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=')?;
            let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
            (!name.trim().is_empty()).then(|| (name.trim().to_owned(), value.into_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args() -> TracingArgs {
        TracingArgs {
            otlp_endpoint: String::new(),
            otlp_traces_endpoint: String::new(),
            otlp_headers: Secret::default(),
            trace_share: "1".to_owned(),
            trace_service_name: String::new(),
            trace_attributes: String::new(),
        }
    }

    fn url(base: &str, exact: &str) -> Result<Option<String>, String> {
        let args = TracingArgs {
            otlp_endpoint: base.to_owned(),
            otlp_traces_endpoint: exact.to_owned(),
            ..args()
        };
        args.url().map(|url| url.map(|url| url.to_string()))
    }

    #[test]
    fn the_address_is_made_as_the_specification_says() {
        assert_eq!(url("", ""), Ok(None));
        let added = Some("http://a:4318/v1/traces".to_owned());
        assert_eq!(url("http://a:4318", ""), Ok(added.clone()));
        assert_eq!(url("http://a:4318/", ""), Ok(added));
        let exact = Some("https://b/otlp".to_owned());
        assert_eq!(url("http://a:4318", "https://b/otlp"), Ok(exact));
        for wrong in ["a:4318", "nonsense", "ftp://a", "http://user:hunter2@a"] {
            let error = url(wrong, "").unwrap_err();
            assert!(error.starts_with("OTEL_EXPORTER_OTLP_ENDPOINT"), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn headers_are_read_and_never_shown() {
        let mut args = args();
        args.otlp_headers = Secret::new("api-key=se%20cret, x-tenant=a");
        let headers = args.headers().unwrap();
        assert_eq!(headers["api-key"], "se cret");
        assert_eq!(headers["x-tenant"], "a");
        assert!(!format!("{headers:?} {args:?}").contains("cret"), "{headers:?}");
        for wrong in ["hunter2", "=hunter2", "a b=hunter2", "a=%ffhunter2"] {
            args.otlp_headers = Secret::new(wrong);
            let error = args.headers().unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn shares_and_attributes() {
        let mut args = args();
        for (text, share) in [
            ("0", Some(0.0)),
            (" 0.25 ", Some(0.25)),
            ("1.1", None),
            ("NaN", None),
            ("", Some(1.0)),
        ] {
            args.trace_share = text.to_owned();
            assert_eq!(args.share().ok(), share, "{text}");
        }
        args.trace_attributes = "service.name=a,team=search%20people".to_owned();
        args.trace_service_name = "b".to_owned();
        let attributes = args.resource().unwrap();
        assert_eq!(
            attributes,
            [
                KeyValue::new("service.name", "a"),
                KeyValue::new("team", "search people"),
                KeyValue::new("service.name", "b"),
            ]
        );
    }
}
