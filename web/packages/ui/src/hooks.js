// The hooks of the first UI Kit.
import { productContext, requestConfluence, requestJira } from '@annex/react/bridge';
import { after, held, hook } from './engine.js';

/** A state; its first value may be a promise, or come from an asynchronous function. */
export function useState(init) {
  const place = held(init);
  return [place.value, place.set];
}

/** A state that changes by actions. */
export function useAction(reducer, init) {
  const place = held(init);
  place.dispatch = (action) => place.set((state) => reducer(state, action));
  return [place.value, place.dispatch];
}

export const useEffect = (run, deps) => after(run, deps);
export const useRef = (initial) => hook(() => ({ current: initial }));

/** A value that is made anew when deps change. */
export function useMemo(make, deps) {
  const place = hook(() => ({}));
  const now = JSON.stringify(deps);
  if (place.deps === undefined || place.deps !== now) Object.assign(place, { deps: now ?? '', value: make() });
  return place.value;
}

/** Where the app is shown, in the form of then. */
export function useProductContext() {
  const context = productContext();
  const { issue = {}, project = {}, content = {}, space = {}, type, config, ...extension } = context.extension;
  const platformContext = {
    type, issueKey: issue.key, issueId: issue.id, issueType: issue.type, projectKey: project.key, projectId: project.id, projectType: project.type,
    contentId: content.id, spaceKey: space.key, ...extension,
  };
  return { ...context, contentId: content.id, spaceKey: space.key, platformContext, extensionContext: { ...context.extension, config } };
}

/** What the user configured, undefined before. */
export const useConfig = () => productContext().extension.config;

// property keeps a value on something of the product's, as the user who is present.
function property(request, base, key, initial) {
  const url = `${base}/${encodeURIComponent(key)}`;
  const read = async () => {
    const res = await request(url);
    if (res.status === 404) return initial;
    if (!res.ok) throw new Error(`the property ${key} cannot be read: ${res.status}`);
    return (await res.json()).value;
  };
  const place = held(read);
  const write = async (next) => {
    const value = typeof next === 'function' ? await next(await read()) : next;
    const res = await request(url, { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) });
    if (!res.ok) throw new Error(`the property ${key} cannot be written: ${res.status}`);
    return place.set(() => value);
  };
  const remove = async () => {
    const res = await request(url, { method: 'DELETE' });
    if (!res.ok && res.status !== 404) throw new Error(`the property ${key} cannot be removed: ${res.status}`);
    return place.set(() => initial);
  };
  return [place.value, write, remove];
}

const part = (value) => encodeURIComponent(String(value ?? ''));
const extension = () => productContext().extension;

/** A property of the issue beside which the app is shown. */
export function useIssueProperty(key, initial) {
  const { issue = {} } = extension();
  return property(requestJira, `/rest/api/3/issue/${part(issue.key ?? issue.id)}/properties`, key, initial);
}
/** A property of the project in which the app is shown. */
export function useProjectProperty(key, initial) {
  const { project = {} } = extension();
  return property(requestJira, `/rest/api/3/project/${part(project.key ?? project.id)}/properties`, key, initial);
}
export const useContentProperty = (key, initial) => property(requestConfluence, `/wiki/rest/api/content/${part(extension().content?.id)}/property`, key, initial);
export const useSpaceProperty = (key, initial) => property(requestConfluence, `/wiki/rest/api/space/${part(extension().space?.key)}/property`, key, initial);
