# KerasFace from its wheel; compose.yaml runs it. `.ci/run-dockerfile` runs these steps where there is no Docker.
FROM python:3.13-slim AS build
WORKDIR /source
COPY . .
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheel .

FROM python:3.13-slim
COPY --from=build /wheel /wheel
RUN pip install --no-cache-dir /wheel/*.whl && rm -r /wheel
# Both folders are there before they become volumes, which then belong to the user.
RUN useradd --create-home --uid 10001 kerasface && mkdir /faces && chown kerasface: /faces
USER 10001
WORKDIR /faces
ENV STREAMLIT_SERVER_HEADLESS=true
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8501/_stcore/health', timeout=5)"]
CMD ["kerasface", "app", "--address", "0.0.0.0"]
