-- Rows as builds with two migrations wrote them: an index in the middle of everything, written on the first of January 2026.

INSERT INTO indexes (index_id, state, settings, created_at, comparison) VALUES
    ('docs', 'ACTIVE', '{"source": "file:///srv/docs", "prefix": "", "language": "english", "embedding": {"url": "http://model.example/v1", "model": "some-model", "dimensions": 8}}', 1767225600000, '{"at": 1767225600000, "listed": 7, "current": 2, "missing": 3, "changed": 0, "orphaned": 1, "without_points": 0, "orphaned_claims": 0}');

INSERT INTO runs (run_id, index_id, kind, opened_at, completed_at, sealed, total, ended_indexed, ended_failed) VALUES
    ('018f0000-0000-7000-8000-0000000000aa', 'docs', 'scan', 1767225600000, 1767225600009, 1, 5, 4, 1),
    ('018f0000-0000-7000-8000-0000000000ab', 'docs', 'full', 1767225600010, NULL, 1, 1, 0, 0);

INSERT INTO files (index_id, file_id, path, state, desired_seq, claimed_seq, applied_seq, lane, woken_at, not_before, reason, run_id, enqueued_at,
    claim_id, owner, fence, lease_until, started_at, last_claim, last_owner, live_claim, prev_claim, dirty, committed_claim, outcome,
    etag, content_hash, pipeline, size, chunks, seen_etag, attempts, failure_count, last_error, missing, entries, updated_at) VALUES
    ('docs', 'b4f4eb73-8889-5988-aefa-7964143f8743', 'whole.md', 'INDEXED', 1, 1, 1, 1, 0, 1767225600000, 'scan', '018f0000-0000-7000-8000-0000000000aa', 1767225600000, NULL, NULL, 1, NULL, NULL, '018f0000-0000-7000-8000-000000000001', 'worker-1', '018f0000-0000-7000-8000-000000000001', NULL, 0, '018f0000-0000-7000-8000-000000000001', 'INDEXED', 'e1', 'hash of e1', '0a1b2c3d', 100, 5, 'e1', 0, 0, NULL, NULL, 4, 1767225600000),
    ('docs', 'a8e27061-bd90-56df-bc45-7e9dceeeb647', 'in-part.pdf', 'INDEXED', 1, 1, 1, 1, 0, 1767225600000, 'scan', '018f0000-0000-7000-8000-0000000000aa', 1767225600000, NULL, NULL, 1, NULL, NULL, '018f0000-0000-7000-8000-000000000002', 'worker-1', '018f0000-0000-7000-8000-000000000002', NULL, 0, '018f0000-0000-7000-8000-000000000002', 'INDEXED', 'e2', 'hash of e2', '0a1b2c3d', 100, 5, 'e2', 0, 0, NULL, '[{"parts": "pages 3-4", "count": 2, "code": "ocr_missing", "reason": "nothing could read them"}]', 1, 1767225600000),
    ('docs', 'c4900993-3701-5fd3-b9d7-d1f366d445d6', 'new.md', 'PENDING', 1, 0, 0, 0, 0, 1767225600000, 'event', NULL, 1767225600000, NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, NULL, NULL, 1, 1767225600000),
    ('docs', 'd59d6cad-c4ab-5e8a-bbff-4b6ea1dec78d', 'hangs.md', 'PROCESSING', 2, 2, 1, 1, 0, 1767225600000, 'scan', '018f0000-0000-7000-8000-0000000000ab', 1767225600000, '018f0000-0000-7000-8000-000000000003', 'worker-of-then', 3, 1767225660000, 1767225600000, NULL, NULL, '018f0000-0000-7000-8000-000000000005', NULL, 0, '018f0000-0000-7000-8000-000000000005', 'INDEXED', 'e3', 'hash of e3', '0a1b2c3d', 100, 5, 'e3', 1, 0, NULL, NULL, 1, 1767225600000),
    ('docs', '83af93fb-ab01-560a-b6f2-61f426bed465', 'damaged.pdf', 'FAILED', 1, 1, 0, 1, 0, 1767225600000, 'scan', '018f0000-0000-7000-8000-0000000000aa', 1767225600000, NULL, NULL, 1, NULL, NULL, '018f0000-0000-7000-8000-000000000004', 'worker-1', NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'e4', 1, 1, '{"code": "corrupt", "message": "the file is damaged", "class": "permanent", "retry_after": null}', NULL, 1, 1767225600000),
    ('docs', 'a0555aa4-468d-5c76-891f-cb04db2a48f4', 'gone.md', 'DELETED', 2, 2, 2, 1, 0, 1767225600000, 'scan', NULL, 1767225600000, NULL, NULL, 2, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, NULL, NULL, 1, 1767225600000),
    ('docs', 'c4f1152a-dc53-5b71-a480-d02eefe7d66c', 'held.md', 'AWAITING_APPROVAL', 2, 1, 1, 1, 0, 1767225600000, 'reconcile', NULL, 1767225600000, NULL, NULL, 1, NULL, NULL, NULL, NULL, '018f0000-0000-7000-8000-000000000006', NULL, 0, '018f0000-0000-7000-8000-000000000006', 'INDEXED', 'e5', 'hash of e5', '0a1b2c3d', 100, 5, 'e5', 0, 0, NULL, NULL, 1, 1767225600000);

INSERT INTO history (index_id, file_id, n, happened_at, event, state, seq, claim_id, detail) VALUES
    ('docs', 'b4f4eb73-8889-5988-aefa-7964143f8743', 1, 1767225600001, 'enqueued', 'PENDING', 1, NULL, '{"reason": "scan", "lane": "bulk"}'),
    ('docs', 'b4f4eb73-8889-5988-aefa-7964143f8743', 2, 1767225600002, 'claimed', 'PROCESSING', 1, '018f0000-0000-7000-8000-000000000001', '{"owner": "worker-1", "attempts": 1}'),
    ('docs', 'b4f4eb73-8889-5988-aefa-7964143f8743', 3, 1767225600003, 'committed', 'PUBLISHING', 1, '018f0000-0000-7000-8000-000000000001', '{"chunks": 5}'),
    ('docs', 'b4f4eb73-8889-5988-aefa-7964143f8743', 4, 1767225600004, 'released', 'INDEXED', 1, '018f0000-0000-7000-8000-000000000001', '{}');

INSERT INTO dead_claims (index_id, claim_id, file_id, given_up_at) VALUES
    ('docs', '018f0000-0000-7000-8000-00000000dead', '83af93fb-ab01-560a-b6f2-61f426bed465', 1767225600000);

INSERT INTO operations (operation_id, index_id, kind, sequencer, opened_at, page_after, held, files) VALUES
    ('d2996316-ce5e-5494-8cad-8bf719366a43', 'docs', '{"kind": "remove", "path": "old"}', NULL, 1767225600000, NULL, NULL, 0);

INSERT INTO duties (duty, owner, lease_until) VALUES ('sweep', 'control-plane-of-then', 1767225600000);

INSERT INTO dead_letters (letter_id, received_at, queue, reason, problem, body) VALUES
    ('018f0000-0000-7000-8000-000000001e77', 1767225600000, 'longshore.work.fast', 'unreadable', 'not JSON', 'not JSON');
