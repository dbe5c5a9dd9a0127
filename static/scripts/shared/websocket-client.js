/**
 * The URL from which other clients import the class.
 */
export { WebSocketClient, default } from "../progress/websocket-client.js";
