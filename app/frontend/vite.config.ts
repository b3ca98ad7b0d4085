import { defineConfig, type Plugin } from 'vite';

// The display face is wanted by the first paint, but its hashed name is known to the style sheet only.
const preloadFont = (): Plugin => ({
  name: 'preload-font',
  transformIndexHtml: {
    order: 'post',
    handler: (_html, { bundle }) =>
      Object.keys(bundle ?? {})
        .filter((name) => name.endsWith('.woff2'))
        .map((name) => ({
          tag: 'link',
          attrs: { rel: 'preload', as: 'font', type: 'font/woff2', href: `/${name}`, crossorigin: '' },
          injectTo: 'head' as const,
        })),
  },
});

const store = process.env.STORE_URL ?? 'http://127.0.0.1:8088';
// A service accepts changes from the store's own origin only.
const throughTo = {
  target: store,
  changeOrigin: true,
  headers: { origin: new URL(store).origin },
};

export default defineConfig({
  plugins: [preloadFont()],
  esbuild: { jsx: 'automatic', jsxImportSource: 'preact' },
  resolve: { alias: { react: 'preact/compat', 'react-dom': 'preact/compat' } },
  css: { modules: { localsConvention: 'camelCaseOnly' } },
  build: {
    target: 'es2022',
    cssTarget: 'chrome123',
    // The Content-Security-Policy admits no data: address.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    host: '127.0.0.1',
    proxy: { '/api': throughTo, '/images': throughTo, '/docs': throughTo },
  },
});
