import { defineConfig } from 'vite';
import react from '@vitejs/plugin-react';

export default defineConfig({
  plugins: [react()],
  base: './', // the pages lie below a path of the installation's origin
  build: {
    outDir: '../static', // what manifest.yml names
    emptyOutDir: true,
    modulePreload: false,
    target: 'es2022',
    // Annex serves its SDK on the same origin. An app that has @forge/bridge in its
    // dependencies imports that instead, and needs no such line.
    rollupOptions: { external: ['/_annex/sdk.js'] },
  },
});
