"""The client printed in the source document, with BASE_URL, API_KEY and the image URL changed and nothing else."""
import pathlib
import re
import subprocess
import sys

CLIENT = pathlib.Path(__file__).with_name("printed_client.py")


def test_printed_client_runs_to_its_last_line(server, file_host, tmp_path):
    text = CLIENT.read_text()
    changed = text
    for old, new in ((r'BASE_URL = "[^"]*"', f'BASE_URL = "{server.base}"'),
                     (r'API_KEY = "[^"]*"', f'API_KEY = "{server.key}"'),
                     (r'"image_urls": \["[^"]*"\]', f'"image_urls": ["{file_host}/astronaut.png"]')):
        changed, count = re.subn(old, new, changed)
        assert count == 1
    script = tmp_path / "client.py"
    script.write_text(changed)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert "Workflow completed successfully." in lines
    results = lines.index(next(line for line in lines if line.startswith("Final results: ")))
    assert lines[results] == "Final results: 1 item(s)"
    assert lines[results + 1].startswith("- video/mp4: http")
    steps = next(line for line in lines if line.startswith("Step completions: "))
    assert int(steps.split()[2]) >= 2
    assert re.fullmatch(r"- \w+: \d+ output\(s\)", lines[-1])
