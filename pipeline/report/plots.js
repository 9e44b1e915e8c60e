"use strict";
// Draws every figure of the page in the colours of the page, and again when those change.
(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const config = { responsive: true, displaylogo: false, displayModeBar: false };

  const colours = () => {
    const style = getComputedStyle(document.documentElement);
    const value = (name) => style.getPropertyValue(name).trim();
    return {
      ink: value("--ink"), muted: value("--muted"), rule: value("--rule"),
      paper: value("--paper"), sans: value("--sans"),
    };
  };

  const themed = (layout) => {
    const { ink, muted, rule, paper, sans } = colours();
    const axes = Object.fromEntries(
      Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key)).map((key) => [key, {
        ...layout[key],
        gridcolor: rule, linecolor: rule, zerolinecolor: muted, tickcolor: rule,
        tickfont: { color: muted },
        title: { ...layout[key].title, font: { color: muted, size: 12.5 } },
      }]),
    );
    const annotations = (layout.annotations || []).map((note) => ({
      ...note, font: { ...note.font, color: ink },
    }));
    return {
      ...layout, ...axes, annotations,
      font: { ...layout.font, color: ink, family: sans },
      hoverlabel: { bgcolor: paper, bordercolor: rule, font: { color: ink, family: sans } },
    };
  };

  const inked = (trace) => (trace.error_y
    ? { ...trace, error_y: { ...trace.error_y, color: colours().ink } }
    : trace);

  const drawAll = () => {
    for (const data of document.querySelectorAll("script[data-plot]")) {
      const figure = JSON.parse(data.textContent);
      const place = document.getElementById(data.dataset.plot);
      Plotly.react(place, figure.data.map(inked), themed(figure.layout), config).then(() => {
        place.dataset.drawn = dark.matches ? "dark" : "light";
      });
    }
  };

  drawAll();
  dark.addEventListener("change", drawAll);
})();
