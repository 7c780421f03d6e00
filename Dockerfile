# syntax=docker/dockerfile:1
FROM node:26-slim AS build
WORKDIR /mgw
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json ./
COPY src ./src
COPY test ./test
COPY bench ./bench
RUN npx tsc -p . && npm prune --omit=dev && rm -rf dist/test dist/bench dist/*.tsbuildinfo

FROM node:26-slim
ENV NODE_ENV=production
# What says that the gateway lives: name another port here if the configuration does.
ENV MGW_HEALTH=http://127.0.0.1:9797/live
WORKDIR /mgw
COPY --from=build /mgw/package.json ./
COPY --from=build /mgw/node_modules ./node_modules
COPY --from=build /mgw/dist ./dist
COPY bin ./bin
COPY conf ./conf
COPY web ./web
COPY LICENSE ./
RUN ln -s /mgw/bin/mgw.js /usr/local/bin/mgw && mkdir -p /mgw/conf/data && chown -R node:node /mgw/conf/data
USER node
VOLUME /mgw/conf/data
EXPOSE 9090 9095 9096
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["node", "-e", "fetch(process.env.MGW_HEALTH).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["mgw", "start", "-c", "/mgw/conf/micro-gw.conf"]
