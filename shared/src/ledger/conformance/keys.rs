//! Keys and the audit log.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::{Checked, Desk, LEASE, NONE, index_id, ms};
use crate::ids::{AuditId, KeyId};
use crate::ledger::{AuditCursor, AuditEntry, FoundKey, KeyRecord, NewKey, Rotated, Scope, SecretMark};

fn mark(name: &str) -> SecretMark {
    SecretMark {
        prefix: format!("lsk_{name}"),
        hash: format!("hash of {name}"),
    }
}

fn new_key(number: u128, secret: &str) -> NewKey {
    NewKey {
        id: KeyId(Uuid::from_u128(number)),
        name: format!("key {number}"),
        scopes: BTreeSet::from([Scope::Search, Scope::Ingest]),
        indexes: Some(BTreeSet::from([index_id("docs")])),
        expires_at: None,
        secret: mark(secret),
    }
}

impl Desk {
    async fn opens(&self, secret: &str) -> Result<bool, crate::ledger::LedgerError> {
        let found = self.ledger.find_key(&mark(secret).prefix).await?;
        Ok(found.is_some_and(|found| found.hash == mark(secret).hash))
    }
}

pub(super) async fn keys_open_until_they_are_revoked(desk: &Desk) -> Checked {
    let ledger = &desk.ledger;
    assert!(!ledger.any_key().await?, "there is none at first");
    let wanted = NewKey {
        indexes: None,
        ..new_key(2, "two")
    };
    let two = ledger.create_key(&wanted).await?;
    let one = ledger.create_key(&new_key(1, "one")).await?;
    let again = ledger.create_key(&new_key(1, "other")).await?;
    assert_eq!(again, one, "the same id is the same key");
    assert_eq!(ledger.keys(None, 10).await?, [one.clone(), two.clone()]);
    assert_eq!(ledger.keys(None, 1).await?, std::slice::from_ref(&one));
    assert_eq!(ledger.keys(Some(one.id), 10).await?, std::slice::from_ref(&two));
    assert_eq!(two.indexes, None, "for every index");
    assert_eq!(one.scopes, new_key(1, "one").scopes);
    let expected = FoundKey {
        record: one.clone(),
        hash: mark("one").hash,
    };
    assert_eq!(ledger.find_key("lsk_one").await?, Some(expected));
    assert_eq!(ledger.find_key("lsk_other").await?, None);
    assert_eq!(ledger.find_key("").await?, None);

    let revoked = ledger.revoke_key(one.id).await?.expect("it is there");
    assert!(revoked.revoked_at.is_some_and(|at| at >= one.created_at));
    assert!(!desk.opens("one").await? && desk.opens("two").await?);
    desk.advance(ms(5)).await;
    assert_eq!(
        ledger.revoke_key(one.id).await?,
        Some(revoked.clone()),
        "once is enough"
    );
    assert_eq!(ledger.key(one.id).await?, Some(revoked), "it stays in the list");
    assert_eq!(ledger.revoke_key(KeyId(Uuid::from_u128(9))).await?, None);
    assert!(ledger.any_key().await?);
    Ok(())
}

pub(super) async fn keys_expire_and_say_when_they_were_used(desk: &Desk) -> Checked {
    let ledger = &desk.ledger;
    let made = ledger.create_key(&new_key(1, "one")).await?;
    let short = NewKey {
        expires_at: Some(made.created_at + 40),
        ..new_key(2, "short")
    };
    let past = NewKey {
        expires_at: Some(made.created_at - 1),
        ..new_key(3, "past")
    };
    ledger.create_key(&short).await?;
    ledger.create_key(&past).await?;
    assert!(!desk.opens("past").await?, "it had expired before it was made");
    desk.advance(ms(60)).await;
    assert!(!desk.opens("short").await?, "it has expired");
    assert_eq!(
        ledger.rotate_key(short.id, &mark("new"), LEASE).await?,
        Rotated::Gone,
        "it is not brought back by a rotation"
    );
    assert!(desk.opens("one").await?, "the other has no end");

    let used = async || {
        Ok::<_, crate::ledger::LedgerError>(ledger.key(made.id).await?.and_then(|key| key.last_used_at))
    };
    assert_eq!(used().await?, None);
    ledger.touch_key(made.id, LEASE).await?;
    let first = used().await?;
    assert!(first.is_some());
    desk.advance(ms(10)).await;
    ledger.touch_key(made.id, LEASE).await?;
    assert_eq!(used().await?, first, "it is coarse");
    ledger.touch_key(made.id, ms(5)).await?;
    assert!(used().await? > first);
    Ok(())
}

pub(super) async fn a_rotated_key_has_two_secrets_for_a_while(desk: &Desk) -> Checked {
    let ledger = &desk.ledger;
    let made = ledger.create_key(&new_key(1, "a")).await?;
    let done = |rotated: Rotated| -> KeyRecord {
        match rotated {
            Rotated::Done(record) => *record,
            other => panic!("it was not rotated: {other:?}"),
        }
    };
    let rotated = done(ledger.rotate_key(made.id, &mark("b"), ms(200)).await?);
    assert_eq!(rotated.prefix, "lsk_b");
    assert_eq!(rotated.old_prefix.as_deref(), Some("lsk_a"));
    assert!(
        rotated
            .old_until
            .is_some_and(|until| until >= made.created_at + 200)
    );
    assert!(desk.opens("a").await? && desk.opens("b").await?);
    assert_eq!(
        ledger.rotate_key(made.id, &mark("c"), LEASE).await?,
        Rotated::Overlapping,
        "somebody else may just have rotated it"
    );
    assert!(!desk.opens("c").await?);
    desk.advance(ms(250)).await;
    assert!(
        !desk.opens("a").await? && desk.opens("b").await?,
        "the overlap is over"
    );
    done(ledger.rotate_key(made.id, &mark("c"), LEASE).await?);
    assert!(!desk.opens("a").await? && desk.opens("b").await? && desk.opens("c").await?);
    let at_once = done(ledger.rotate_key(made.id, &mark("d"), NONE).await?);
    assert_eq!((at_once.old_prefix, at_once.old_until), (None, None));
    assert!(!desk.opens("b").await? && !desk.opens("c").await? && desk.opens("d").await?);
    ledger.revoke_key(made.id).await?;
    assert_eq!(
        ledger.rotate_key(made.id, &mark("e"), LEASE).await?,
        Rotated::Gone
    );
    let nobody = KeyId(Uuid::from_u128(9));
    assert_eq!(ledger.rotate_key(nobody, &mark("e"), LEASE).await?, Rotated::Gone);
    Ok(())
}

pub(super) async fn one_replica_makes_the_first_key(desk: &Desk) -> Checked {
    let ledger = &desk.ledger;
    let names = ["a", "b", "c", "d"];
    let tries = names.map(|name| async move { ledger.create_first_key(&new_key(1, name)).await });
    let mut made = Vec::new();
    for (name, tried) in names.iter().zip(futures::future::join_all(tries).await) {
        if tried? {
            made.push(*name);
        }
    }
    assert_eq!(made.len(), 1, "{made:?}");
    let winner = made[0];
    assert!(
        ledger.create_first_key(&new_key(1, winner)).await?,
        "asked again, it is still there"
    );
    assert!(!ledger.create_first_key(&new_key(2, "late")).await?);
    assert_eq!(ledger.keys(None, 10).await?.len(), 1);
    assert!(desk.opens(winner).await? && !desk.opens("late").await?);
    Ok(())
}

pub(super) async fn the_audit_log_is_paged_and_forgotten(desk: &Desk) -> Checked {
    let ledger = &desk.ledger;
    let entry = |number: u128| AuditEntry {
        id: AuditId(Uuid::from_u128(number)),
        happened_at: 0,
        actor: "local".to_owned(),
        key: (number == 1).then_some(KeyId(Uuid::from_u128(7))),
        action: "indexes_pause".to_owned(),
        path: "/indexes/docs/pause".to_owned(),
        index: (number == 1).then(|| index_id("docs")),
        request_id: format!("request {number}"),
        status: None,
        code: None,
    };
    for number in 1..=5 {
        ledger.begin_audit(&entry(number)).await?;
        desk.advance(ms(2)).await;
    }
    ledger
        .begin_audit(&AuditEntry {
            actor: "other".to_owned(),
            ..entry(5)
        })
        .await?;
    ledger.end_audit(entry(1).id, 204, None).await?;
    ledger.end_audit(entry(2).id, 409, Some("conflict")).await?;
    let page = ledger.audit(None, 3).await?;
    let names =
        |page: &[AuditEntry]| -> Vec<u128> { page.iter().map(|entry| entry.id.0.as_u128()).collect() };
    assert_eq!(names(&page), [5, 4, 3], "newest first");
    assert_eq!(page[0].actor, "local", "an entry is not written over");
    assert!(page[0].happened_at > page[1].happened_at);
    let cursor = AuditCursor {
        happened_at: page[2].happened_at,
        id: page[2].id,
    };
    let rest = ledger.audit(Some(cursor), 3).await?;
    assert_eq!(names(&rest), [2, 1]);
    let expected = AuditEntry {
        happened_at: rest[1].happened_at,
        status: Some(204),
        ..entry(1)
    };
    assert_eq!(rest[1], expected);
    assert_eq!(
        (rest[0].status, rest[0].code.as_deref()),
        (Some(409), Some("conflict"))
    );
    assert_eq!(ledger.forget_audit(LEASE).await?, 0);
    desk.advance(ms(200)).await;
    ledger.begin_audit(&entry(6)).await?;
    assert_eq!(ledger.forget_audit(ms(100)).await?, 5);
    assert_eq!(names(&ledger.audit(None, 10).await?), [6]);
    Ok(())
}
