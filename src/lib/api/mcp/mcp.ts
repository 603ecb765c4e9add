/** What the function of the MCP endpoint loads at its first request. */
export { callTool } from './call-tool.ts';
export { clientNameOf } from './serve-mcp.ts';
export { serveMcp } from './serve-mcp.ts';
