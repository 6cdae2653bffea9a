// Swagger UI has a dark look, and an eye for whether readers ask for it only in a layout that has its own header.
(() => {
  "use strict";

  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const look = () => document.documentElement.classList.toggle("dark-mode", dark.matches);

  dark.addEventListener("change", look);
  look();
})();
