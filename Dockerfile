# syntax=docker/dockerfile:1
FROM node:22-slim AS build
WORKDIR /mgw
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json ./
COPY src ./src
COPY test ./test
COPY bench ./bench
RUN npm run build && npm prune --omit=dev && rm -rf dist/test dist/bench dist/*.tsbuildinfo

FROM node:22-slim
ENV NODE_ENV=production
WORKDIR /mgw
COPY --from=build /mgw/package.json ./
COPY --from=build /mgw/node_modules ./node_modules
COPY --from=build /mgw/dist ./dist
COPY bin ./bin
COPY conf ./conf
COPY LICENSE ./
RUN ln -s /mgw/bin/mgw.js /usr/local/bin/mgw && mkdir -p /mgw/conf/data && chown -R node:node /mgw/conf/data
USER node
VOLUME /mgw/conf/data
EXPOSE 9090 9095 9797
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:9090/health').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["mgw", "start", "-c", "/mgw/conf/micro-gw.conf"]
