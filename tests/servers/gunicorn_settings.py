"""gunicorn's configuration file: its hook is the application's."""


def post_fork(server, worker):
    from servers.application import post_fork as started

    started(server, worker)
