/** Base URL of the API: the folder of this page. It is independent of the route prefix of the app. */
const apiBase = new URL('.', document.baseURI);

export const apiUrl = (path: string): URL => new URL(path, apiBase);
