/*
 * Replaces axios for `durable-functions` in the bundle. The durable client sends a few kinds of requests to the Functions
 * host on the same machine, for which `fetch` is enough. axios would be a fifth of the package.
 */
exports.default = {
  create: (config) => {
    const send = async (method, url, body, headers) => {
      const response = await fetch(url, { method, body, headers });
      return {
        status: response.status,
        headers: Object.fromEntries(response.headers),
        data: parsed(await response.text()),
      };
    };
    return {
      get: (url, { headers } = {}) => send('GET', url, undefined, headers),
      // axios makes JSON of a text that is not JSON. The client sends one such text: the missing input of a start.
      post: (url, body, { headers } = {}) =>
        send('POST', url, body === '' ? '""' : body, { ...config.headers.post, ...headers }),
      delete: (url) => send('DELETE', url),
    };
  },
};

/** The value of a JSON text, of whatever content type, or else the text. */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
