"""Terraform against the simulator: applied, planned without changes, changed, applied, destroyed.

usage: tf.py ENDPOINT, with `terraform` on the path and its AWS provider 5.x to be had: from the directory that
TF_PLUGIN_DIR names, or from the registry. Prints SKIPPED where either is missing.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile


def main(endpoint):
    terraform = shutil.which("terraform")
    if terraform is None:
        print("SKIPPED: no terraform on the path")
        return
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(pathlib.Path(__file__).parent / "terraform" / "main.tf", folder)
        environment = {**os.environ, "CHECKPOINT_DISABLE": "1", "AWS_EC2_METADATA_DISABLED": "true"}
        for proxy in ("http_proxy", "HTTP_PROXY"):
            environment.pop(proxy, None)
        plugins = os.environ.get("TF_PLUGIN_DIR")
        if plugins:
            configuration = pathlib.Path(folder) / "terraformrc"
            configuration.write_text(
                'provider_installation {\n filesystem_mirror {\n path = "%s"\n }\n}\n' % plugins
            )
            environment["TF_CLI_CONFIG_FILE"] = str(configuration)

        def run(*arguments, expected=(0,)):
            done = subprocess.run(
                [terraform, *arguments, "-no-color"],
                cwd=folder, env=environment, capture_output=True, text=True, timeout=400,
            )
            if done.returncode not in expected:
                print(done.stdout[-6000:], done.stderr[-4000:], sep="\n")
                sys.exit(f"terraform {arguments[0]} answered {done.returncode}")
            return done

        try:
            began = subprocess.run(
                [terraform, "init", "-input=false", "-no-color"],
                cwd=folder, env=environment, capture_output=True, text=True, timeout=180,
            )
            had = began.returncode == 0
        except subprocess.TimeoutExpired:
            had = False
        if not had:
            print("SKIPPED: no AWS provider for terraform (TF_PLUGIN_DIR may name a mirror that has it)")
            return
        variables = ["-input=false", f"-var=endpoint={endpoint}"]
        run("apply", "-auto-approve", *variables)
        # 0 is no changes, 2 is changes.
        run("plan", "-detailed-exitcode", *variables)
        changed = [*variables, "-var=image_tag=v2", "-var=max_capacity=9"]
        run("plan", "-detailed-exitcode", *changed, expected=(2,))
        run("apply", "-auto-approve", *changed)
        run("plan", "-detailed-exitcode", *changed)
        run("destroy", "-auto-approve", *changed)
        print("terraform: applied, unchanged, changed, destroyed")


if __name__ == "__main__":
    main(sys.argv[1])
