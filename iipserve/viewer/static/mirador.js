// Mirador with the manifest that the address of this page names: one of this server, since the page reads nothing else.

const asked = new URLSearchParams(location.search).get("manifest") ?? "";

/** The address of a manifest of this server; null for any other. */
function ownManifest(text) {
  const root = new URL("../iiif/manifest/", document.baseURI).href;
  try {
    const { href } = new URL(text, document.baseURI);
    return href.startsWith(root) ? href : null;
  } catch {
    return null;
  }
}

function tell(text) {
  const notice = document.getElementById("notice");
  notice.textContent = text;
  notice.hidden = false;
}

function start() {
  const manifestId = ownManifest(asked);
  if (!window.Mirador) {
    tell("Mirador is not installed on the server. Run scripts/setup there.");
  } else if (manifestId === null) {
    tell("The address of this page names no manifest of this server, as in mirador.html?manifest=../iiif/manifest/map.tif.");
  } else {
    const window = { manifestId, sideBarOpen: true, thumbnailNavigationPosition: "off" };
    globalThis.Mirador.viewer({ id: "mirador", windows: [window], workspaceControlPanel: { enabled: true } });
  }
}

start();
