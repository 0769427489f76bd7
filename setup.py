"""What pyproject.toml cannot say: what lies around the package goes into the wheel as `kerasface/shipped/`."""

from setuptools import find_packages, setup

setup(
    script_name="setup.py",  # by which it is known not to be a module of kerasface.shipped
    packages=[*find_packages(include=["kerasface*"]), "kerasface.shipped"],
    package_dir={"kerasface.shipped": "."},
    package_data={
        "kerasface": ["**/*.json", "**/*.npy"],
        "kerasface.shipped": [
            *(".streamlit/config.toml", "pages/**/*"),  # app.py is a module of the folder
            *("configs/*.toml", "saved_models/digits/*", "saved_models/face-parts/*"),
        ],
    },
    exclude_package_data={"kerasface.shipped": ["**/__pycache__/*"]},
    include_package_data=False,  # else whatever git or a manifest knows of would follow
)
