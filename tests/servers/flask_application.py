"""The same application under Flask's own server."""

from flask import Flask, Response
from servers.application import status

app = Flask(__name__)


@app.get("/")
def index() -> Response:
    return Response(status(), mimetype="application/json")
