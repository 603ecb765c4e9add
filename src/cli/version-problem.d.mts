export function versionProblem(version: string, engines: string): string | undefined;
