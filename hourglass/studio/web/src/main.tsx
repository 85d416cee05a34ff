// The beginning: takes the token, follows the folder, draws the page.
import { render } from "preact";
import { takeToken } from "./api";
import { App } from "./app";
import { listen } from "./events";
import { followRuns } from "./runs";
import "./style.css";

takeToken();
render(<App />, document.getElementById("app")!);
followRuns();
listen();
