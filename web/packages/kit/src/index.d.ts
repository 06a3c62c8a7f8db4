/** What the shell gives to a mounted tree. */
export interface MountOptions {
  /**
   * Calls a function prop. Events are numbered; the number of this one is answered. Without
   * a number the kit counts from 1 on itself.
   */
  send(handle: string, args: unknown[]): number | void;
  locale?: string;
  timezone?: string;
  /** `light`, `dark`, or what the system prefers. */
  theme?: 'light' | 'dark' | 'auto' | { colorMode?: string };
  /** The address of a file of the app, or nothing if there is none. */
  assetURL?(path: string): string | null | undefined;
  /** A frame that shows a resource of the app. */
  frame?(resource: string, size: { width?: string; height?: string }): HTMLElement | null | undefined;
  /** A person followed a link: the shell goes there, and asks before it leaves the product. */
  navigate?(url: string, how: { newTab: boolean }): void;
  /** People of the site, for User and UserPicker. */
  users?: {
    get(accountIds: string[]): Promise<KitUser[]>;
    search(text: string): Promise<KitUser[]>;
    /** A picture in the address itself (data:); of another place none is shown. */
    picture(accountId: string): Promise<string | undefined>;
  };
  /** The values of a configuration form are to be kept. */
  config?(values: Record<string, unknown>): void;
  /** A dialog is open, or none is any more: the shell may make room. */
  overlay?(open: boolean): void;
  /** The messages do not fit the tree: the shell asks for the whole tree. */
  desync?(error: Error): void;
  /** What a note of a failure offers: the view from its beginning. */
  again?: { label: string; run(): void };
  /** A component could not be drawn. */
  report?(error: unknown, type: string | undefined): void;
}

export interface KitUser {
  accountId: string;
  displayName: string;
  /** There is a picture to ask for. */
  picture?: boolean;
}

/** One message of a session's stream. */
export interface KitMessage {
  seq?: number;
  tree?: unknown;
  patches?: unknown[];
  idle?: boolean;
  event?: number;
  /** Of the events up to that one, those that still wait for something. */
  open?: number[];
  /** The app failed: what it drew stays, with a note. */
  error?: unknown;
  /** Another session follows: nothing waits for answers of the one before. */
  restarted?: boolean;
  theme?: MountOptions['theme'];
  [other: string]: unknown;
}

export interface Mounted {
  apply(message: KitMessage): void;
  lost(): void;
  /** Sends what was entered and waits for its turn: the page goes away. */
  sendAll(): void;
  theme(theme: MountOptions['theme']): void;
  destroy(): void;
}

export function mount(element: HTMLElement, options: MountOptions): Mounted;
