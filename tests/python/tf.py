"""Terraform against the simulator: applied, planned without changes, changed, applied, planned, destroyed.

usage: tf.py ENDPOINT [CONFIGURATION …], with `terraform` on the path and its AWS provider 5.x to be had: from the
directory that TF_PLUGIN_DIR names, from one where such mirrors lie, or from the registry. Every configuration in
`terraform/` is run, or those named. Prints SKIPPED where Terraform or the provider is missing.
"""

import glob
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

CONFIGURATIONS = pathlib.Path(__file__).parent / "terraform"
MIRRORS = ("~/.terraform.d/plugins", "/usr/local/share/terraform/plugins", "/usr/share/terraform/plugins", "/opt/*")


def mirror():
    """A directory that has the provider."""
    named = os.environ.get("TF_PLUGIN_DIR")
    places = [named] if named else [it for place in MIRRORS for it in glob.glob(os.path.expanduser(place))]
    return next((it for it in places if glob.glob(f"{it}/registry.terraform.io/hashicorp/aws/*")), None)


def settings(folder):
    environment = {**os.environ, "CHECKPOINT_DISABLE": "1", "AWS_EC2_METADATA_DISABLED": "true"}
    for proxy in ("http_proxy", "HTTP_PROXY"):
        environment.pop(proxy, None)
    plugins = mirror()
    if plugins:
        configuration = pathlib.Path(folder) / "terraformrc"
        configuration.write_text('provider_installation {\n filesystem_mirror {\n path = "%s"\n }\n}\n' % plugins)
        environment["TF_CLI_CONFIG_FILE"] = str(configuration)
    return environment


def lay_out(folder, names):
    """One root that has every configuration as a module: a provider takes seconds to start, so it starts once."""
    shutil.copy(CONFIGURATIONS / "provider.tf", folder)
    modules = []
    for name in names:
        module = pathlib.Path(folder) / pathlib.Path(name).stem
        module.mkdir()
        shutil.copy(CONFIGURATIONS / name, module)
        (module / "variables.tf").write_text('variable "changed" {\n  type = bool\n}\n')
        modules.append('module "%s" {\n  source  = "./%s"\n  changed = var.changed\n}\n' % (module.name, module.name))
    (pathlib.Path(folder) / "main.tf").write_text("\n".join(modules))


def life(terraform, folder, endpoint):
    """From the first apply to the end; answers whether the provider was there."""
    environment = settings(folder)

    def run(*arguments, expected=0, seconds=1200):
        done = subprocess.run(
            [terraform, *arguments, "-input=false", "-no-color"],
            cwd=folder, env=environment, capture_output=True, text=True, timeout=seconds,
        )
        if expected is not None and done.returncode != expected:
            print(done.stdout[-6000:], done.stderr[-6000:], sep="\n")
            raise SystemExit(f"terraform {' '.join(arguments)} answered {done.returncode}, not {expected}")
        return done.returncode

    try:
        if run("init", expected=None, seconds=300) != 0:
            return False
    except subprocess.TimeoutExpired:
        return False
    nothing, changes = 0, 2
    # Terraform mostly waits for what it has asked for.
    variables = ["-parallelism=40", f"-var=endpoint={endpoint}"]
    run("apply", "-auto-approve", *variables)
    run("plan", "-detailed-exitcode", *variables, expected=nothing)
    variables.append("-var=changed=true")
    run("plan", "-detailed-exitcode", *variables, expected=changes)
    run("apply", "-auto-approve", *variables)
    run("plan", "-detailed-exitcode", *variables, expected=nothing)
    run("destroy", "-auto-approve", *variables)
    return True


def main(endpoint, *wanted):
    terraform = shutil.which("terraform")
    if terraform is None:
        print("SKIPPED: no terraform on the path")
        return
    names = wanted or sorted(it.name for it in CONFIGURATIONS.glob("*.tf") if it.name != "provider.tf")
    with tempfile.TemporaryDirectory() as folder:
        lay_out(folder, names)
        had = life(terraform, folder, endpoint)
    if not had:
        print("SKIPPED: no AWS provider for terraform (TF_PLUGIN_DIR may name a mirror that has it)")
        return
    print(f"terraform: {', '.join(names)}: applied, unchanged, changed, unchanged, destroyed")


if __name__ == "__main__":
    main(*sys.argv[1:])
