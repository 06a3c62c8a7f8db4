// The addresses of the app's own web triggers.
import { kernel } from '@annex/runtime/kernel';

/** The web trigger calls: getUrl, queryUrls, deleteUrl. */
export const webTrigger = Object.freeze({
  /**
   * The URL of a web trigger of this installation; the same one at each call.
   * @param {string} moduleKey the module's key in the manifest
   * @param {boolean} [forceCreate] make a new address beside the old ones
   * @returns {Promise<string>}
   */
  async getUrl(moduleKey, forceCreate = false) {
    const { head } = await kernel.call('webtrigger.url', forceCreate ? { moduleKey, forceCreate: true } : { moduleKey });
    return head.url;
  },

  /** The addresses of one web trigger, or of all. @returns {Promise<string[]>} */
  async queryUrls(moduleKey) {
    const { head } = await kernel.call('webtrigger.list', moduleKey === undefined ? {} : { moduleKey });
    return head.urls;
  },

  /** Ends an address: from now on it answers 404. */
  async deleteUrl(url) {
    await kernel.call('webtrigger.delete', { url: String(url) });
  },
});
