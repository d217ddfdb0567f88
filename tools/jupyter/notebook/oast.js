// For Notebook 6, which forgets which cell a request belongs to when its page is loaded again: what a
// cell that runs has said, and goes on to say, is shown under that cell.
//
// The bridge sends a page that comes while a cell runs what the cell has published, with
// {"oast": {"replayed": true}} in the metadata and its execute_input, which holds the code, first.
define(['base/js/namespace', 'base/js/events', 'notebook/js/codecell'], function (Jupyter, events, codecell) {
  'use strict';

  // Of several cells with that code the one with the number that it is to get, or with none yet.
  function cellOf(content) {
    const cells = Jupyter.notebook.get_cells().filter(
        (cell) => cell.cell_type === 'code' && cell.get_text() === content.code);
    const numbered = cells.find((cell) => cell.input_prompt_number === content.execution_count);
    const running = cells.find((cell) => !(cell.input_prompt_number > 0));
    return numbered || running || cells[0];
  }

  function adopt(cell, kernel, request, number) {
    cell.clear_output(false, true);
    cell.set_input_prompt('*');
    const callbacks = cell.get_callbacks();
    // Its reply went to the page that is gone.
    callbacks.iopub.status = (message) => {
      if (message.content.execution_state !== 'idle') return;
      cell.set_input_prompt(number);
      kernel.clear_callbacks_for_msg(request);
    };
    kernel.set_callbacks_for_msg(request, callbacks);
    codecell.CodeCell.msg_cells[request] = cell;
    cell.last_msg_id = request;
  }

  function onUnsolicited(_event, message) {
    const mark = (message.metadata || {}).oast;
    if (!mark || !mark.replayed || message.header.msg_type !== 'execute_input') return;
    const cell = cellOf(message.content);
    if (cell)
      adopt(cell, Jupyter.notebook.kernel, message.parent_header.msg_id, message.content.execution_count);
  }

  return {
    load_ipython_extension() {
      events.on('received_unsolicited_message.Kernel', onUnsolicited);
      // Where the page was faster: what was replayed to it comes once more.
      const kernel = Jupyter.notebook && Jupyter.notebook.kernel;
      if (kernel && kernel.is_connected()) kernel.reconnect();
    },
  };
});
