//! Payloads as the sources write them, made from their specifications.

use serde_json::{Value, json};

pub(crate) const ACCOUNT: &str = "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/docs/providers/Microsoft.Storage/storageAccounts/contoso";

/// An event of Azure Storage in Event Grid schema about `contoso`'s container `docs`; `data` is merged into what every event has.
pub(crate) fn event_grid(kind: &str, path: &str, data: &Value) -> Value {
    let mut all = json!({
        "api": "PutBlockList",
        "clientRequestId": "6d79dbfb-0e37-4fc4-981f-442c9ca65760",
        "requestId": "831e1650-001e-001b-66ab-eeb76e000000",
        "eTag": "\"0x8D4BCC2E4835CD0\"",
        "contentType": "text/plain",
        "contentLength": 524_288,
        "blobType": "BlockBlob",
        "accessTier": "Default",
        "url": format!("https://contoso.blob.core.windows.net/docs/{path}"),
        "sequencer": "00000000000000000000000000015508000000000005101c",
        "storageDiagnostics": { "batchId": "b68529f3-68cd-4744-baa4-3c0498ec19f0" }
    });
    if let (Some(all), Some(data)) = (all.as_object_mut(), data.as_object()) {
        all.extend(data.clone());
    }
    json!({
        "topic": ACCOUNT,
        "subject": format!("/blobServices/default/containers/docs/blobs/{path}"),
        "eventType": format!("Microsoft.Storage.{kind}"),
        "eventTime": "2026-02-26T18:41:00.9584103Z",
        "id": format!("831e1650-{kind}-{path}"),
        "data": all,
        "dataVersion": "3",
        "metadataVersion": "1"
    })
}

/// The same event as CloudEvents 1.0.
pub(crate) fn cloud_event(kind: &str, path: &str, data: &Value) -> Value {
    let event = event_grid(kind, path, data);
    json!({
        "specversion": "1.0",
        "source": event["topic"],
        "subject": event["subject"],
        "type": event["eventType"],
        "time": event["eventTime"],
        "id": event["id"],
        "data": event["data"]
    })
}

pub(crate) fn renamed(from: &str, to: &str) -> Value {
    json!({
        "api": "RenameFile",
        "url": null,
        "sourceUrl": format!("https://contoso.dfs.core.windows.net/docs/{from}"),
        "destinationUrl": format!("https://contoso.dfs.core.windows.net/docs/{to}"),
    })
}

pub(crate) fn validation() -> Value {
    json!([{
        "id": "2d1781af-3a4c-4d7c-bd0c-e34b19da4e66",
        "topic": "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590",
        "subject": "",
        "data": {
            "validationCode": "512d38b6-c7b8-40c8-89fe-f46f9e9622b6",
            "validationUrl": "https://rp-eastus2.eventgrid.azure.net:553/eventsubscriptions/x/validate?id=1&t=2"
        },
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "eventTime": "2026-01-25T22:12:19.4556811Z",
        "metadataVersion": "1",
        "dataVersion": "2"
    }])
}

/// A record of S3's own notification; `key` as in the payload, so encoded.
pub(crate) fn s3_record(name: &str, key: &str) -> Value {
    json!({
        "eventVersion": "2.6",
        "eventSource": "aws:s3",
        "awsRegion": "eu-central-1",
        "eventTime": "2026-03-05T13:37:00.000Z",
        "eventName": name,
        "userIdentity": { "principalId": "AWS:AIDAJDPLRKLG7UEXAMPLE" },
        "requestParameters": { "sourceIPAddress": "127.0.0.1" },
        "responseElements": { "x-amz-request-id": "C3D13FE58DE4C810", "x-amz-id-2": "FMyUVURIY8/IgAtTv8xRjskZQpcIZ9KG" },
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "longshore",
            "bucket": {
                "name": "papers",
                "ownerIdentity": { "principalId": "A3NL1KOZZKExample" },
                "arn": "arn:aws:s3:::papers"
            },
            "object": {
                "key": key,
                "size": 1024,
                "eTag": "d41d8cd98f00b204e9800998ecf8427e",
                "versionId": "096fKKXTRTtl3on89fVO.nfljtsv6qko",
                "sequencer": "0055AED6DCD90281E5"
            }
        }
    })
}

pub(crate) fn s3(name: &str, key: &str) -> Value {
    json!({ "Records": [s3_record(name, key)] })
}

pub(crate) fn s3_test() -> Value {
    json!({
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": "2026-10-13T15:57:02.089Z",
        "Bucket": "papers",
        "RequestId": "5582815E1AEA5ADF",
        "HostId": "8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR+YstdA6Knx4Ip8EXAMPLE"
    })
}

pub(crate) fn minio(name: &str, key: &str, encoded: &str) -> Value {
    json!({
        "EventName": name,
        "Key": format!("papers/{key}"),
        "Records": [s3_record(name, encoded)]
    })
}

pub(crate) fn event_bridge(kind: &str, key: &str) -> Value {
    json!({
        "version": "0",
        "id": format!("17793124-05d4-b198-2fde-{kind}"),
        "detail-type": kind,
        "source": "aws.s3",
        "account": "111122223333",
        "time": "2026-11-12T00:00:00Z",
        "region": "eu-central-1",
        "resources": ["arn:aws:s3:::papers"],
        "detail": {
            "version": "0",
            "bucket": { "name": "papers" },
            "object": { "key": key, "size": 5, "etag": "b1946ac92492d2347c6235b4d2611184", "sequencer": "617f08299329d189" },
            "request-id": "N4N7GDK58NMKJ12R",
            "requester": "123456789012",
            "reason": "PutObject"
        }
    })
}

pub(crate) fn sns(message: &str) -> Value {
    json!({
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": "arn:aws:sns:eu-central-1:123456789012:papers",
        "Subject": "Amazon S3 Notification",
        "Message": message,
        "Timestamp": "2026-05-02T00:54:06.655Z",
        "SignatureVersion": "1",
        "Signature": "EXAMPLEw6JRN...",
        "SigningCertURL": "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService.pem",
        "UnsubscribeURL": "https://sns.eu-central-1.amazonaws.com/?Action=Unsubscribe"
    })
}

pub(crate) fn sns_confirmation() -> Value {
    json!({
        "Type": "SubscriptionConfirmation",
        "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
        "Token": "2336412f37f",
        "TopicArn": "arn:aws:sns:eu-central-1:123456789012:papers",
        "Message": "You have chosen to subscribe to the topic.",
        "SubscribeURL": "http://127.0.0.1:9/?Action=ConfirmSubscription&Token=2336412f37f",
        "Timestamp": "2026-04-26T20:45:04.751Z"
    })
}

/// A Pub/Sub push; more attributes may be given.
pub(crate) fn gcs(kind: &str, name: &str, more: &Value) -> Value {
    let mut attributes = json!({
        "notificationConfig": "projects/_/buckets/archive/notificationConfigs/1",
        "eventType": kind,
        "payloadFormat": "JSON_API_V1",
        "bucketId": "archive",
        "objectId": name,
        "objectGeneration": "1758463342345678",
        "eventTime": "2026-09-21T14:02:22.345678Z"
    });
    if let (Some(all), Some(more)) = (attributes.as_object_mut(), more.as_object()) {
        all.extend(more.clone());
    }
    json!({
        "message": {
            "attributes": attributes,
            "data": "eyJraW5kIjoic3RvcmFnZSNvYmplY3QifQ==",
            "messageId": "2070443601311540",
            "message_id": "2070443601311540",
            "publishTime": "2026-09-21T14:02:22.5Z",
            "publish_time": "2026-09-21T14:02:22.5Z"
        },
        "subscription": "projects/p/subscriptions/longshore"
    })
}

/// One of each kind of body.
pub(crate) fn all() -> Vec<Value> {
    let none = json!({});
    vec![
        json!([
            event_grid("BlobCreated", "a.md", &none),
            event_grid("BlobDeleted", "b c.md", &none),
            event_grid("BlobRenamed", "new.md", &renamed("old.md", "new.md")),
            event_grid("DirectoryCreated", "d", &none),
            event_grid("DirectoryDeleted", "d", &json!({ "recursive": "true" })),
            event_grid("DirectoryRenamed", "e", &renamed("d", "e")),
            event_grid("BlobTierChanged", "a.md", &none),
        ]),
        validation(),
        cloud_event("BlobCreated", "a.md", &none),
        json!([
            cloud_event("BlobRenamed", "new.md", &renamed("old.md", "new.md")),
            cloud_event("DirectoryRenamed", "e", &renamed("d", "e")),
        ]),
        s3("ObjectCreated:Put", "a/red+flower%2B.md"),
        s3("ObjectRemoved:DeleteMarkerCreated", "a.md"),
        s3_test(),
        minio("s3:ObjectCreated:Put", "a b.md", "a+b.md"),
        json!({ "EventName": "s3:ObjectRemoved:Delete", "Key": "papers/a b.md", "Records": null }),
        event_bridge("Object Created", "a b.md"),
        event_bridge("Object Deleted", "a+b.md"),
        sns(&s3("ObjectCreated:Put", "a.md").to_string()),
        sns_confirmation(),
        gcs("OBJECT_FINALIZE", "a b.md", &none),
        gcs(
            "OBJECT_DELETE",
            "a.md",
            &json!({ "overwrittenByGeneration": "1758463342345679" }),
        ),
    ]
}
