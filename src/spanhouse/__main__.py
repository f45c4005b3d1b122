from spanhouse.cli.main import app

app()
