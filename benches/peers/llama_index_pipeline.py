"""LlamaIndex's IngestionPipeline, set up as its documentation recommends for a folder that is read again and again.

    llama_index_pipeline.py ingest CORPUS DATA --url URL [--async | --no-store]
    llama_index_pipeline.py check  CORPUS DATA --url URL

Each call is one process that brings the index in DATA up to date with CORPUS (or looks at what is in it) and prints one
line of JSON. `own_s` is the time after the imports: it is what the tables compare, so that Python's start is not held
against the peer.
"""

import argparse
import asyncio
import json
import shutil
import time
from pathlib import Path

from llama_index.core import SimpleDirectoryReader, VectorStoreIndex
from llama_index.core.ingestion import DocstoreStrategy, IngestionPipeline
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.embeddings.openai_like import OpenAILikeEmbedding
from llama_index.readers.file import HTMLTagReader
from llama_index.vector_stores.qdrant import QdrantVectorStore
from qdrant_client import AsyncQdrantClient, QdrantClient

COLLECTION = "bench"
# Requests in flight at a time, and texts in one request: the same as Longshore's defaults.
IN_FLIGHT = 8
BATCH = 128


def embedding(url: str) -> OpenAILikeEmbedding:
    return OpenAILikeEmbedding(
        model_name="test", api_base=url, api_key="none", embed_batch_size=BATCH, num_workers=IN_FLIGHT
    )


def read(corpus: Path) -> list:
    """The folder's documents, each with its path as identity, so that changes are found in the next pass.

    Markdown goes through the reader's own default. For HTML there is none (the file would be indexed with its tags), so it
    gets the reader that LlamaIndex ships for it, on the whole body.
    """
    reader = SimpleDirectoryReader(
        str(corpus),
        recursive=True,
        filename_as_id=True,
        file_extractor={".html": HTMLTagReader(tag="body")},
    )
    return reader.load_data()


def vector_store(data: Path, is_async: bool) -> QdrantVectorStore:
    """Qdrant's local mode, on disk. Its folder can be open once, so it is the sync client or the async one."""
    path = str(data / "qdrant")
    if is_async:
        return QdrantVectorStore(COLLECTION, aclient=AsyncQdrantClient(path=path), batch_size=BATCH)
    return QdrantVectorStore(COLLECTION, client=QdrantClient(path=path), batch_size=BATCH)


def ingest(args: argparse.Namespace) -> dict:
    started = time.perf_counter()
    documents = read(args.corpus)
    has_read = time.perf_counter()
    saved = args.data / "pipeline"
    pipeline = IngestionPipeline(
        # Counted in tokens, as in Longshore by default.
        transformations=[SentenceSplitter(chunk_size=512, chunk_overlap=64), embedding(args.url)],
        docstore=SimpleDocumentStore(),
        vector_store=None if args.no_store else vector_store(args.data, args.is_async),
        docstore_strategy=DocstoreStrategy.UPSERTS_AND_DELETE,
        # The document store alone decides what is new. The cache keys on whole batches, never hits here, and would
        # write every vector a second time, as JSON.
        disable_cache=True,
    )
    if saved.exists():
        pipeline.load(str(saved))
    has_loaded = time.perf_counter()
    if args.is_async:
        nodes = asyncio.run(pipeline.arun(documents=documents))
    else:
        # In one process: with `num_workers=2` these versions never returned, not even for 40 files.
        nodes = pipeline.run(documents=documents)
    has_run = time.perf_counter()
    save(pipeline, saved)
    ended = time.perf_counter()
    return {
        "documents": len(documents),
        "nodes": len(nodes),
        "own_s": ended - started,
        "read_s": has_read - started,
        "load_s": has_loaded - has_read,
        "run_s": has_run - has_loaded,
        "save_s": ended - has_run,
    }


def save(pipeline: IngestionPipeline, saved: Path) -> None:
    """Writes the state beside the old one, then swaps: a process killed in here must not leave half a JSON file behind."""
    fresh = saved.with_suffix(".new")
    pipeline.persist(str(fresh))
    shutil.rmtree(saved, ignore_errors=True)
    fresh.rename(saved)


def check(args: argparse.Namespace) -> dict:
    """What the index holds: nobody shall be fast by doing nothing."""
    client = QdrantClient(path=str(args.data / "qdrant"))
    points, _ = client.scroll(COLLECTION, limit=10_000_000, with_payload=["file_path"])
    indexed = {point.payload["file_path"] for point in points}
    wanted = {str(path) for path in args.corpus.rglob("*") if path.is_file()}
    store = QdrantVectorStore(COLLECTION, client=client)
    index = VectorStoreIndex.from_vector_store(store, embed_model=embedding(args.url))
    hits = index.as_retriever(similarity_top_k=10).retrieve(args.query)
    return {
        "chunks": len(points),
        "files": len(indexed & wanted),
        "missing": len(wanted - indexed),
        "stale": len(indexed - wanted),
        "hits": len(hits),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["ingest", "check"])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--url", required=True)
    parser.add_argument("--async", action="store_true", dest="is_async")
    parser.add_argument("--no-store", action="store_true")
    parser.add_argument("--query", default="vacuum a table")
    args = parser.parse_args()
    args.corpus = args.corpus.resolve()
    args.data.mkdir(parents=True, exist_ok=True)
    print(json.dumps(ingest(args) if args.what == "ingest" else check(args)))


if __name__ == "__main__":
    main()
