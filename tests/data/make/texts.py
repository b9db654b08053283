"""JSON as pandas writes it, and word vectors as gensim does. Run in tests/data: python make/texts.py"""
import base64, json, pathlib
import gensim, numpy as np, pandas as pd
from gensim.models import FastText, KeyedVectors

folder = pathlib.Path(__file__).parent.parent / "texts"
folder.mkdir(exist_ok=True)
x = np.arange(-1, 2, 0.25).reshape(4, 3)
frame = pd.DataFrame({"key": list("abcd"), "v": x.tolist(), "n": [1, 2, 3, 4]})
frame.to_json(folder / "lines.jsonl", orient="records", lines=True)
frame.to_json(folder / "records.json", orient="records")
wide = pd.DataFrame(x, columns=["x", "y", "z"])
wide.to_json(folder / "split.json", orient="split")
wide.to_json(folder / "table.json", orient="table", index=False)
wide.to_json(folder / "columns.json")

# The answers of embedding services, by hand from OpenAI's reference of POST /v1/embeddings.
def answer(of):
    data = [{"object": "embedding", "index": i, "embedding": of(row)} for i, row in enumerate(x)]
    return {"object": "list", "data": data, "model": "text-embedding-3-small",
            "usage": {"prompt_tokens": 8, "total_tokens": 8}}
packed = lambda row: base64.b64encode(np.asarray(row, "<f4").tobytes()).decode()
y = np.hstack([x, x])
(folder / "openai.json").write_text(json.dumps(answer(lambda row: row.tolist()), indent=2))
(folder / "openai-base64.json").write_text(json.dumps(answer(lambda row: packed(np.tile(row, 2)))))

words = KeyedVectors(3)
words.add_vectors(["the", "New York", "1984", ","], x.astype(np.float32))
words.save_word2vec_format(folder / "words.vec", binary=False)
words.save_word2vec_format(folder / "glove.txt", binary=False, write_header=False)
nodes = KeyedVectors(3)
nodes.add_vectors(["0", "1", "2", "3"], x.astype(np.float32))
nodes.save_word2vec_format(folder / "nodes.vec", binary=False)
nodes.save_word2vec_format(folder / "nodes.bin", binary=True)
model = FastText([["a", "b"], ["b", "c"]], vector_size=2, min_count=1, bucket=2, epochs=1, seed=1)
gensim.models.fasttext.save_facebook_model(model, str(folder / "fasttext.bin"))
np.savetxt(folder / "savetxt.txt", x)
print(gensim.__version__, pd.__version__, np.__version__)
