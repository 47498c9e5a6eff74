"""All stored runs: what is known of each without opening it, and SQL over their trials.

How others go over many runs::

    from pageswap.catalogue.catalogue import read_catalogue
    from pageswap.catalogue.entry import COMPLETE, Entry, chosen

    for entry in chosen(read_catalogue(results_dir), experiment="remap_apis", host="lab1", tags={"purpose": "ci"}):
        if entry.is_readable:                # else entry.state and entry.problem say what is wrong with the folder
            entry.folder                     # of the run; Store.open(entry.folder / DATABASE) has the rest
            entry.run_id, entry.experiment, entry.created_at  # the time in UTC, ISO 8601
            entry.state                      # COMPLETE, UNFINISHED, RUNNING; DAMAGED, FOREIGN
            entry.tags, entry.note           # {"purpose": "ci"}, ""
            entry.commit, entry.dirty        # None where they are not known
            entry.merged                     # ids of the runs that it was put together from: its trials are theirs
            entry.stamp                      # another one when the run has been written meanwhile
            for facts in entry.hosts:        # a host of the run each, in its order, by the names of store.facts.FACTS:
                facts["host"], facts["kernel"], facts["cpu_model"], facts["core_hash"]

`read_catalogue` never raises for what lies in a run's folder. It opens only stores that have changed since the index
was written, and the index is made anew whenever it is lost, damaged or of another version.
"""
