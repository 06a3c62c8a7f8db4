import { nanoid } from 'nanoid';

let id;
try {
  id = nanoid();
} catch {
  id = 'a library that catches the refusal draws elsewhere';
}

export const draw = () => id;
