"""Stands in for web3signer and Clef, which do not run here: their JSON-RPC over real HTTP, signed by eth-account."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount


class SigningServer(ThreadingHTTPServer):
    """Signs what it is asked to, or what ``tampers`` makes of it.

    Args:
        accounts: it holds the keys of.
        clef: whether it speaks ``account_…`` and answers as Clef does, instead of ``eth_…`` as web3signer.
    """

    daemon_threads = True

    def __init__(self, accounts: list[LocalAccount], *, clef: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.accounts = {account.address: account for account in accounts}
        self.clef = clef
        self.asked: list[str] = []
        self.tampers: Any = lambda answer: answer
        self.changes: dict[str, Any] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def answer(self, method: str, parameters: list[Any]) -> Any:
        self.asked.append(method)
        dialect, _, what = method.partition("_")
        if dialect != ("account" if self.clef else "eth"):
            raise LookupError(method)
        match what, parameters:
            case (("list" | "accounts"), []):
                return [address.lower() for address in self.accounts]
            case "signTransaction", [asked]:
                return self.signed_transaction(asked)
            case "signTypedData", [address, data]:
                return self.accounts[address].sign_typed_data(full_message=data).signature.to_0x_hex()
        raise LookupError(method)

    def signed_transaction(self, asked: dict[str, Any]) -> Any:
        fields = {name: int(value, 16) if name not in ("data", "to") else value for name, value in asked.items() if name != "from"}
        raw = self.accounts[asked["from"]].sign_transaction(fields | self.changes).raw_transaction.to_0x_hex()
        return {"raw": raw, "tx": {}} if self.clef else raw


class Handler(BaseHTTPRequestHandler):
    server: SigningServer

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer: dict[str, Any] = {"jsonrpc": "2.0", "id": request["id"]}
        try:
            answer["result"] = self.server.answer(request["method"], request["params"])
        except LookupError:
            answer["error"] = {"code": -32601, "message": "the method does not exist"}
        body = self.server.tampers(json.dumps(answer).encode())
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def signing(*accounts: LocalAccount, clef: bool = False) -> Iterator[SigningServer]:
    with SigningServer(list(accounts) or [Account.create()], clef=clef) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
