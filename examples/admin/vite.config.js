import { defineConfig } from "vite";

// The pages and the API have one origin, for the cookie of the session counts for no other. `Host` stays as it is.
const proxy = Object.fromEntries(
  ["/v1", "/auth"].map((path) => [path, { target: process.env.FREEHOLD_URL ?? "http://127.0.0.1:8000" }]),
);

export default defineConfig({
  esbuild: { jsx: "automatic" },
  build: {
    chunkSizeWarningLimit: 2000,
    // marks for servers that render React; here nothing does
    rollupOptions: { onwarn: (warning, tell) => warning.code === "MODULE_LEVEL_DIRECTIVE" || tell(warning) },
  },
  server: { host: "127.0.0.1", proxy },
  preview: { host: "127.0.0.1", proxy },
});
