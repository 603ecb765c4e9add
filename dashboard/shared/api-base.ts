/** Where the API is: the folder that the page itself was loaded from, whatever route prefix the app has. */
export const apiBase = new URL('.', document.baseURI);

export const apiUrl = (path: string): URL => new URL(path, apiBase);
