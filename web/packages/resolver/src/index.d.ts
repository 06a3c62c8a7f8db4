export interface Request<Payload = any, Context = any> { payload: Payload; context: Context }
export type ResolverFunction<Payload = any, Context = any> = (request: Request<Payload, Context>) => unknown;
export type Handler = (request?: any, context?: any) => Promise<any>;

/** Collects functions under keys and makes one handler of them. */
export default class Resolver {
  /** @throws TypeError if fn is no function */
  define<Payload = any>(key: string, fn: ResolverFunction<Payload>): this;
  /** One function for all keys; it rejects with RESOLVER_NOT_FOUND for another key. */
  getDefinitions(): Handler;
}
export { Resolver };
export function makeResolver(functions: Record<string, ResolverFunction>): Handler;
