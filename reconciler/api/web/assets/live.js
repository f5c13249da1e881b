// Keeps the page as it is now: when something happened (server-sent events) the same page is fetched, and what differs takes the place of what
// was there. Without this script the page is as it was when it was loaded, and "Refresh" loads it again.
"use strict";
(() => {
  const LEAST_MS = 1000;
  const main = document.getElementById("main");
  const live = document.getElementById("live");
  let dirty = false, busy = false, last = 0, timer = 0, shown = main.innerHTML;

  const say = (text) => { if (live.textContent !== text) live.textContent = text; };

  // Whoever writes into a form, or marks a text, is not disturbed.
  const isInUse = () => {
    const at = document.activeElement;
    if (at && main.contains(at) && /^(INPUT|SELECT|TEXTAREA|BUTTON)$/.test(at.tagName)) return true;
    const marked = document.getSelection();
    return Boolean(marked && !marked.isCollapsed && main.contains(marked.anchorNode));
  };

  // Where the reader is: what has the focus, and how far each part was scrolled.
  const place = () => {
    const at = document.activeElement;
    const links = [...main.querySelectorAll("a, [tabindex]")];
    return {
      focus: at && main.contains(at) ? { href: at.getAttribute("href"), index: links.indexOf(at) } : null,
      scrolled: [...main.querySelectorAll(".scroll, .log, .diff, [data-follow]")].map((part) => ({
        left: part.scrollLeft, top: part.scrollTop, end: part.scrollTop + part.clientHeight >= part.scrollHeight - 4,
      })),
      open: [...main.querySelectorAll("details")].map((part) => part.open),
    };
  };
  const restore = (was) => {
    [...main.querySelectorAll(".scroll, .log, .diff, [data-follow]")].forEach((part, i) => {
      const at = was.scrolled[i];
      if (!at) return;
      part.scrollLeft = at.left;
      part.scrollTop = "follow" in part.dataset && at.end ? part.scrollHeight : at.top;
    });
    [...main.querySelectorAll("details")].forEach((part, i) => { if (was.open[i] !== undefined) part.open = was.open[i]; });
    if (!was.focus) return;
    const links = [...main.querySelectorAll("a, [tabindex]")];
    const same = links.filter((link) => was.focus.href && link.getAttribute("href") === was.focus.href);
    const target = same[0] || links[was.focus.index];
    if (target) target.focus({ preventScroll: true });
  };

  const take = (text) => {
    const fresh = new DOMParser().parseFromString(text, "text/html");
    const next = fresh.getElementById("main"), asOf = fresh.getElementById("as-of");
    if (!next) return;
    main.dataset.refresh = next.dataset.refresh || "";
    if (asOf) document.getElementById("as-of").textContent = asOf.textContent;
    if (next.innerHTML === shown) return;
    const was = place();
    shown = next.innerHTML;
    main.replaceChildren(...next.childNodes);
    restore(was);
  };

  const refresh = async () => {
    busy = true;
    dirty = false;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
      if (answer.redirected || answer.status === 401 || answer.status === 403) { location.reload(); return; }
      const text = await answer.text();
      if (isInUse()) dirty = true;
      else if (answer.ok) take(text);
      say("Live.");
    } catch {
      say("Not connected; it is tried again.");
      dirty = true;
    }
    last = Date.now();
    busy = false;
    plan();
  };

  // At most once in LEAST_MS, not while nobody looks, and again after data-refresh where the page says so.
  const plan = () => {
    clearTimeout(timer);
    if (busy || document.hidden) return;
    const again = Number(main.dataset.refresh) || 0;
    const since = Date.now() - last;
    if (dirty) timer = setTimeout(isInUse() ? plan : refresh, Math.max(LEAST_MS - since, isInUse() ? LEAST_MS : 0));
    else if (again) timer = setTimeout(refresh, Math.max(again - since, LEAST_MS));
  };

  const stream = new EventSource(document.body.dataset.live);
  stream.onmessage = () => { say("Live."); dirty = true; plan(); };
  document.addEventListener("visibilitychange", plan);
  for (const log of main.querySelectorAll("[data-follow]")) log.scrollTop = log.scrollHeight;
  plan();
})();
