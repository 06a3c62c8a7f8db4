// What the app may know of itself in the running call.
import { kernel } from '@annex/runtime/kernel';

/**
 * Facts of the app, its environment and installation, and of the running call.
 * @throws {Error} NO_CONTEXT at module scope, which runs once for all installations
 */
export function getAppContext() {
  const call = kernel.current();
  if (!call) {
    const err = new Error('getAppContext() has no answer at module scope, which runs once at deploy: call it inside a function');
    err.name = 'NoContextError';
    err.code = 'NO_CONTEXT';
    throw err;
  }
  const { ctx } = call;
  return {
    appAri: ari(ctx.appAri),
    appVersion: ctx.appVersion,
    environmentAri: ari(ctx.environmentAri),
    environmentType: ctx.environmentType,
    installationAri: ari(ctx.installationAri),
    installationId: ctx.installationId,
    installContext: ctx.installContext,
    installation: ctx.installation,
    moduleKey: call.module,
    moduleType: ctx.moduleType,
    functionKey: ctx.functionKey,
    license: ctx.license,
    permissions: ctx.permissions,
    invocationId: call.id,
    invocationRemainingTimeInMillis: call.remaining,
  };
}

// ari gives the forms that apps use: the text, the object whose toString is the text,
// and the last part as an id.
function ari(text) {
  if (typeof text !== 'string') return undefined;
  const parts = text.split('/');
  return {
    toString: () => text,
    toJSON: () => text,
    appId: text.includes('::app/') ? parts[1] : undefined,
    environmentId: text.includes('::environment/') ? parts[2] : undefined,
    installationId: text.includes('::installation/') ? parts[1] : undefined,
    resourceId: parts.slice(1).join('/'),
  };
}

/** Keeps a function to the call in which it was bound. Here every call is a world of its own, so it is the function. */
export function bindInvocationContext(fn) { return fn; }

/** The runtime in the old form that some libraries ask for. */
export function __getRuntime() {
  const { ctx } = kernel.current() ?? { ctx: {} };
  return { appContext: ctx, contextAri: ctx.installContext, isProduction: ctx.environmentType === 'PRODUCTION' };
}
