import { constants as crypto } from './crypto.js';
import { constants as fs } from './fs.js';

export const { F_OK, R_OK, W_OK, X_OK, O_RDONLY, O_WRONLY, O_RDWR } = fs;
export default { ...crypto, ...fs };
