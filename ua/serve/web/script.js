"use strict";
// New mail and progress show by themselves: the server says that something changed, the live part
// of the page is fetched again; also when the line to the server is new, for what came before it.
const live = document.getElementById("live");
if (live && window.EventSource) {
  const refresh = async () => {
    const answer = await fetch(location.href);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("live");
    if (fresh) {
      live.replaceChildren(...fresh.childNodes);
    }
  };
  const source = new EventSource("/events");
  source.onopen = refresh;
  source.onmessage = refresh;
}
