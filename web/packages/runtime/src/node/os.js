// node:os: a machine without properties.
export const EOL = '\n';
export const devNull = '/dev/null';
export const arch = () => 'wasm32';
export const platform = () => 'linux';
export const type = () => 'Linux';
export const release = () => '';
export const version = () => '';
export const machine = () => 'wasm32';
export const endianness = () => 'LE';
export const hostname = () => 'annex';
export const homedir = () => '/app';
export const tmpdir = () => '/tmp';
export const cpus = () => [];
export const availableParallelism = () => 1;
export const totalmem = () => 0;
export const freemem = () => 0;
export const uptime = () => 0;
export const loadavg = () => [0, 0, 0];
export const networkInterfaces = () => ({});
export const userInfo = () => ({ username: 'app', uid: -1, gid: -1, shell: null, homedir: '/app' });
export const constants = Object.freeze({ signals: Object.freeze({}), errno: Object.freeze({}) });
export default {
  EOL, devNull, arch, platform, type, release, version, machine, endianness, hostname, homedir, tmpdir, cpus, availableParallelism,
  totalmem, freemem, uptime, loadavg, networkInterfaces, userInfo, constants,
};
